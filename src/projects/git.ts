import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { childEnvironment } from '../core/config.ts'
import { errnoOf } from '../core/errors.ts'

/** What differs from the commit. Neither drivers nor colours of whoever calls: equal differences give equal bytes. */
export const DIFF = ['diff', 'HEAD', '--binary', '--full-index', '--no-ext-diff', '--no-textconv']

/** What it says; undefined as `git`. */
export async function gitText(
  folder: string,
  args: readonly string[],
): Promise<string | undefined> {
  const chunks: Uint8Array[] = []
  const isDone = await git(folder, args, (bytes) => void chunks.push(bytes))
  return isDone ? Buffer.concat(chunks).toString('utf8') : undefined
}

/** False where there is no git, or it refuses; a repository's own programs are not started. */
export async function git(
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

/** Files below `folder` that git does not know yet, and is not told to ignore; undefined as `git`. */
export async function unknownTo(folder: string): Promise<readonly string[] | undefined> {
  return pathsIn(await gitText(folder, ['ls-files', '--others', '--exclude-standard', '-z']))
}

/** What git is told to ignore below `folder`: files, and folders (ending with `/`) in which there is nothing else. */
export async function ignoredIn(folder: string): Promise<readonly string[]> {
  const listing = ['ls-files', '--others', '--ignored', '--exclude-standard', '--directory', '-z']
  return pathsIn(await gitText(folder, listing)) ?? []
}

/** Files below `folder` that differ from the commit, or are gone; undefined as `git`. */
export async function changedSince(folder: string): Promise<readonly string[] | undefined> {
  const named = ['diff', 'HEAD', '--name-only', '--relative', '--no-renames', '--no-ext-diff']
  return pathsIn(await gitText(folder, [...named, '-z', '--', '.']))
}

function pathsIn(listed: string | undefined): readonly string[] | undefined {
  return listed?.split('\0').filter((path) => path !== '')
}
