import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readUncommitted } from './code-files.ts'

/** Where, among what is kept of code that is in no commit, the difference lies, as `git apply` takes it. */
export const DIFF_FILE = 'uncommitted.diff'

/**
 * What no commit has of the code in `folder`, by the paths under which it is kept: the difference, and source files that
 * git does not know below `files/`. Empty outside of git, and where a commit has all of it.
 */
export async function uncommittedFiles(folder: string): Promise<ReadonlyMap<string, Uint8Array>> {
  const kept = new Map<string, Uint8Array>()
  const found = await readUncommitted(folder)
  if (!found) return kept
  if (found.diff.byteLength > 0) kept.set(DIFF_FILE, found.diff)
  for (const path of found.sources) kept.set(`files/${path}`, await readFile(join(folder, path)))
  return kept
}
