import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { CodeFiles } from '../../projects/code-files.ts'

/** Where a run keeps, among its files, what no commit has of its code. */
export const DIFF_PATH = 'code/uncommitted.diff'

/** Files by the paths under which a run keeps them; `temp` is a folder for what is written for it. */
export async function codeToKeep(
  { diff, sources }: CodeFiles,
  folder: string,
  temp: string,
): Promise<ReadonlyMap<string, string>> {
  const kept = new Map(sources.map((path) => [`code/files/${path}`, join(folder, path)]))
  if (diff.byteLength === 0) return kept
  const file = join(temp, 'uncommitted.diff')
  await writeFile(file, diff)
  return kept.set(DIFF_PATH, file)
}
