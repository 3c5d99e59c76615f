import { dirname } from 'node:path'
import { GyreError, toGyreError } from '../core/errors.ts'
import type { Files, WritableFile } from '../store/files.ts'
import { checkArchive, type CheckedBackup } from './check-archive.ts'

/** Where a backup lies until it is whole. */
export function partialPath(path: string): string {
  return `${path}.partial`
}

/** Throws ALREADY_EXISTS. */
export async function assertNoFile(files: Files, path: string): Promise<void> {
  if ((await files.statOf(path)) === undefined) return
  throw new GyreError('ALREADY_EXISTS', `${path} is there already: choose another name`, { path })
}

/**
 * Writes a backup as it comes to `path.partial`, checks every byte on the way, and gives it its name when it is whole
 * and on the disk. Throws what `checkArchive` throws, and DISK_FULL; what was written by then is removed.
 */
export async function saveBackup(
  files: Files,
  source: AsyncIterable<Uint8Array>,
  path: string,
): Promise<CheckedBackup> {
  const partial = partialPath(path)
  // What an interrupted one has left is nobody's.
  await files.remove(partial)
  const file = await files.create(partial)
  try {
    const checked = await writing(file, source)
    await assertNoFile(files, path)
    await files.rename(partial, path)
    await files.syncFolder(dirname(path))
    return checked
  } catch (error) {
    await files.remove(partial)
    throw toGyreError(error)
  }
}

async function writing(
  file: WritableFile,
  source: AsyncIterable<Uint8Array>,
): Promise<CheckedBackup> {
  async function* passing(): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      await file.write(chunk)
      yield chunk
    }
  }
  try {
    const checked = await checkArchive(passing())
    await file.datasync()
    return checked
  } finally {
    await file.close()
  }
}
