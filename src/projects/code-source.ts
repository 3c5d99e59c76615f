import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { access, readFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { CodeSource } from '@gyre/sdk/wire/run'
import { childEnvironment } from '../core/config.ts'
import { digestOf, type Digest } from '../core/digest.ts'
import { errnoOf } from '../core/errors.ts'

/** Node's in the order in which package managers look for theirs, then Python's. */
const LOCKFILES = [
  'package-lock.json',
  'npm-shrinkwrap.json',
  'pnpm-lock.yaml',
  'yarn.lock',
  'bun.lock',
  'uv.lock',
  'poetry.lock',
  'pdm.lock',
  'Pipfile.lock',
  'requirements.lock',
]

/**
 * Where the code in `folder` is now: its commit, what differs from it below `folder` (files that git does not
 * know yet too), the lockfile of the folder or of its repository. Empty without git, repository or commit.
 */
export async function readCodeSource(folder: string): Promise<CodeSource> {
  const [source, lockfileDigest] = await Promise.all([readGit(folder), lockfileOf(resolve(folder))])
  return { ...source, ...(lockfileDigest && { lockfileDigest }) }
}

async function readGit(folder: string): Promise<CodeSource> {
  const commit = await gitText(folder, ['rev-parse', '--verify', 'HEAD'])
  if (commit === undefined) return {}
  const hash = createHash('sha256')
  let differs = false
  const take = (bytes: Uint8Array): void => {
    differs = true
    hash.update(bytes)
  }
  const diffed = await git(folder, [...DIFF, '--', '.'], take)
  const unknown = await gitText(folder, ['ls-files', '--others', '--exclude-standard', '-z'])
  if (!diffed || unknown === undefined) return { gitCommit: commit.trim() }
  const paths = unknown.split('\0').filter((path) => path !== '')
  for (let from = 0; from < paths.length; from += FILES_AT_ONCE) {
    const some = paths.slice(from, from + FILES_AT_ONCE)
    const ids = await gitText(folder, ['hash-object', '--no-filters', '--', ...some])
    take(Buffer.from(`${some.join('\0')}\0${ids ?? ''}`))
  }
  const gitCommit = commit.trim()
  if (!differs) return { gitCommit, dirty: false }
  return { gitCommit, dirty: true, diffDigest: `sha256:${hash.digest('hex')}` }
}

/** A command line holds that many paths. */
const FILES_AT_ONCE = 200

/** Neither drivers nor colours of whoever calls: equal differences give equal bytes. */
const DIFF = ['diff', 'HEAD', '--binary', '--full-index', '--no-ext-diff', '--no-textconv']

async function gitText(folder: string, args: readonly string[]): Promise<string | undefined> {
  const chunks: Uint8Array[] = []
  const isDone = await git(folder, args, (bytes) => void chunks.push(bytes))
  return isDone ? Buffer.concat(chunks).toString('utf8') : undefined
}

/** False where there is no git, or it refuses; a repository's own programs are not started. */
async function git(
  folder: string,
  args: readonly string[],
  take: (bytes: Uint8Array) => void,
): Promise<boolean> {
  const child = spawn('git', ['-C', folder, '-c', 'core.fsmonitor=false', ...args], {
    env: childEnvironment({ GIT_OPTIONAL_LOCKS: '0' }),
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  child.stdout.on('data', take)
  try {
    const [code] = await once(child, 'close')
    return code === 0
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT') return false
    throw thrown
  }
}

/** The nearest lockfile from `folder` up to its repository's root; only in `folder` where there is none. */
async function lockfileOf(folder: string): Promise<Digest | undefined> {
  const root = await repositoryOf(folder)
  for (let at = folder; ; at = dirname(at)) {
    for (const name of LOCKFILES) {
      const bytes = await readFile(join(at, name)).catch(absent)
      if (bytes) return digestOf(bytes)
    }
    if (at === root || root === undefined) return undefined
  }
}

async function repositoryOf(folder: string): Promise<string | undefined> {
  for (let at = folder; ; at = dirname(at)) {
    const isRoot = await access(join(at, '.git')).then(
      () => true,
      () => false,
    )
    if (isRoot) return at
    if (at === dirname(at)) return undefined
  }
}

function absent(thrown: unknown): undefined {
  if (errnoOf(thrown) !== 'ENOENT') throw thrown
}
