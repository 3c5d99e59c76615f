import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import type { RunCode } from '@gyre/sdk/wire/run'
import { codePaths } from './code-files.ts'
import { isSource } from './source-files.ts'

/** By path from the folder: when a file was last written, and how long it was. */
export type FileStamps = ReadonlyMap<string, string>

type Written = NonNullable<RunCode['written']>

/** Paths that are told; a program that writes more has data, not code, beside it. */
const MOST_TOLD = 1_000

/** The files below `folder` that may be code, as they are now. */
export async function stampFiles(folder: string): Promise<FileStamps> {
  const { changed = [], unknown, ignored } = await codePaths(folder)
  return stampsOf(folder, [...changed, ...unknown, ...ignored])
}

/**
 * What was written below `folder` since: `made` of a file that was not there and is no source file, `touched` of any
 * other, which may be somebody's edit while a program ran.
 */
export async function writtenSince(folder: string, before: FileStamps): Promise<Written> {
  const { changed = [], unknown, ignored } = await codePaths(folder)
  const known = new Set(changed)
  const now = await stampsOf(folder, [...before.keys(), ...changed, ...unknown, ...ignored])
  const written = [...now]
    .filter(([path, stamp]) => before.get(path) !== stamp)
    .map(([path]) => {
      const isMade = !before.has(path) && !known.has(path) && !isSource(path)
      return [path, isMade ? 'made' : 'touched'] as const
    })
  return Object.fromEntries(written.toSorted(([a], [b]) => (a < b ? -1 : 1)).slice(0, MOST_TOLD))
}

async function stampsOf(folder: string, paths: readonly string[]): Promise<FileStamps> {
  const stamps = await Promise.all(
    [...new Set(paths)].map(async (path) => [path, await stampOf(join(folder, path))] as const),
  )
  return new Map(stamps)
}

async function stampOf(path: string): Promise<string> {
  return lstat(path, { bigint: true }).then(
    ({ ino, size, mtimeNs, ctimeNs }) => [ino, size, mtimeNs, ctimeNs].join(' '),
    () => 'gone',
  )
}
