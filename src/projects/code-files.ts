import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { errnoOf } from '../core/errors.ts'
import { changedSince, DIFF, git, ignoredIn, unknownTo } from './git.ts'
import { ignoredSources, isSource, MOST_SOURCE_BYTES, sizeOf, sourcesIn } from './source-files.ts'

/** The code in a folder, as far as no commit holds it. */
export interface CodeFiles {
  /** By path from the folder: the digest of each file, or `deleted`. */
  readonly digests: Readonly<Record<string, string>>
  /** What differs from the commit in files that git knows, as `git apply` takes it; empty where nothing does. */
  readonly diff: Uint8Array
  /** Paths of source files that git does not know, small enough to be kept. */
  readonly sources: readonly string[]
}

/** Paths from a folder whose files may be code. */
export interface CodePaths {
  /** What differs from the commit in files that git knows; undefined outside of git. */
  readonly changed: readonly string[] | undefined
  /** What git does not know, or outside of it every source file. */
  readonly unknown: readonly string[]
  /** Source files that git ignores and that a script may load all the same. */
  readonly ignored: readonly string[]
}

/** Digests that a run has. */
const MOST_DIGESTS = 1_000
/** Files whose bytes are kept with a run, and all of their bytes. */
const MOST_KEPT = 500
const MOST_KEPT_BYTES = 16 * 1024 ** 2

/** The bytes that `readCodeFiles` keeps; undefined outside of git. */
export async function readUncommitted(
  folder: string,
): Promise<Pick<CodeFiles, 'diff' | 'sources'> | undefined> {
  const unknown = await unknownTo(folder)
  if (unknown === undefined) return undefined
  return { diff: await diffOf(folder), sources: await keptOf(folder, unknown) }
}

/** What `readCodeFiles` looks at. */
export async function codePaths(folder: string): Promise<CodePaths> {
  const changed = await changedSince(folder)
  const unknown = await unknownTo(folder)
  if (changed === undefined || unknown === undefined)
    return { changed: undefined, unknown: await sourcesIn(folder), ignored: [] }
  return { changed, unknown, ignored: await ignoredSources(folder, await ignoredIn(folder)) }
}

/**
 * In a git repository what differs from the commit below `folder`, and source files that git ignores; elsewhere every
 * source file of the folder and below (`sourcesIn`). Of what git ignores no bytes are kept: it may be ignored because it
 * holds a secret.
 */
export async function readCodeFiles(folder: string): Promise<CodeFiles> {
  const { changed, unknown, ignored } = await codePaths(folder)
  return {
    digests: await digestsOf(folder, [...(changed ?? []), ...unknown, ...ignored]),
    diff: changed ? await diffOf(folder) : new Uint8Array(),
    sources: await keptOf(folder, unknown),
  }
}

async function digestsOf(
  folder: string,
  paths: readonly string[],
): Promise<Readonly<Record<string, string>>> {
  const digests: Record<string, string> = {}
  for (const path of paths.toSorted().slice(0, MOST_DIGESTS)) {
    const digest = await digestAt(join(folder, path))
    if (digest !== undefined) digests[path] = digest
  }
  return digests
}

/** Undefined for what is no file: the folder of a submodule, a link to one. */
async function digestAt(path: string): Promise<string | undefined> {
  const hash = createHash('sha256')
  try {
    for await (const chunk of createReadStream(path)) hash.update(chunk)
  } catch (thrown) {
    const errno = errnoOf(thrown) ?? ''
    if (['ENOENT', 'ENOTDIR'].includes(errno)) return 'deleted'
    if (['EISDIR', 'EACCES'].includes(errno)) return undefined
    throw thrown
  }
  return `sha256:${hash.digest('hex')}`
}

/** The first source files of them that fit: what is hidden may be secret. */
async function keptOf(folder: string, paths: readonly string[]): Promise<readonly string[]> {
  const kept: string[] = []
  let total = 0
  const shown = paths.filter((path) => isSource(path) && !/(^|\/)\./.test(path))
  for (const path of shown.slice(0, MOST_KEPT)) {
    const bytes = await sizeOf(join(folder, path))
    if (bytes > MOST_SOURCE_BYTES || total + bytes > MOST_KEPT_BYTES) continue
    total += bytes
    kept.push(path)
  }
  return kept
}

/** None at all where it would be too long: half a difference cannot be applied. */
async function diffOf(folder: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  await git(folder, [...DIFF, '--', '.'], (chunk) => {
    bytes += chunk.byteLength
    if (bytes <= MOST_KEPT_BYTES) chunks.push(chunk)
  })
  return bytes <= MOST_KEPT_BYTES ? Buffer.concat(chunks) : new Uint8Array()
}
