import { createHash } from 'node:crypto'
import { access, readFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { CodeSource } from '@gyre/sdk/wire/run'
import { digestOf, type Digest } from '../core/digest.ts'
import { errnoOf } from '../core/errors.ts'
import { DIFF, git, gitText, unknownTo } from './git.ts'

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
  const paths = await unknownTo(folder)
  if (!diffed || paths === undefined) return { gitCommit: commit.trim() }
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

/** The folder of the git repository that `folder` lies in; undefined where it lies in none. */
export async function repositoryOf(folder: string): Promise<string | undefined> {
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
