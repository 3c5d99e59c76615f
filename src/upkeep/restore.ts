import { mkdir, rm, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { errnoOf, GyreError, toGyreError } from '../core/errors.ts'
import type { Files } from '../store/files.ts'
import { checkArchive, type CheckedBackup } from './check-archive.ts'

/**
 * Makes a data folder of a backup. Its files come into a folder beside it, which gets its name when every byte was
 * checked and is on the disk. Throws ALREADY_EXISTS for a folder that holds something, CONFLICT for a mount point, and
 * while another restore is under way or has left its folder behind, DAMAGED, NEWER_DATABASE, DISK_FULL; nothing is left then.
 */
export async function restoreBackup(
  files: Files,
  source: AsyncIterable<Uint8Array>,
  folder: string,
): Promise<CheckedBackup> {
  await makeRoom(folder)
  const temp = `${folder}.restoring`
  await makeTemp(temp)
  try {
    const folders = new Set([temp])
    const checked = await checkArchive(source, async (path, content) => {
      const to = join(temp, path)
      await makeFolders(files, dirname(to), folders)
      await writeFile(files, to, content)
    })
    for (const made of folders) await files.syncFolder(made)
    await files.rename(temp, folder)
    await files.syncFolder(dirname(folder))
    return checked
  } catch (error) {
    await rm(temp, { recursive: true, force: true })
    throw toGyreError(error)
  }
}

/** Removes it when it is empty: what cannot be removed could not be replaced at the end either. */
async function makeRoom(folder: string): Promise<void> {
  try {
    await rmdir(folder)
  } catch (error) {
    const code = errnoOf(error)
    if (code === 'ENOENT') return
    if (code === 'ENOTEMPTY' || code === 'EEXIST' || code === 'ENOTDIR')
      throw new GyreError(
        'ALREADY_EXISTS',
        `${folder} is not empty: a backup is restored into a new folder; choose one with --data`,
        { folder },
        error,
      )
    if (code !== 'EBUSY') throw error
    throw new GyreError(
      'CONFLICT',
      `${folder} is in use or a mount point: restore into a folder below it, with --data`,
      { folder },
      error,
    )
  }
}

async function makeTemp(temp: string): Promise<void> {
  await mkdir(dirname(temp), { recursive: true })
  try {
    await mkdir(temp)
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error
    throw new GyreError(
      'CONFLICT',
      `${temp} is there: another restore is under way, or one was cut off; remove it when none is`,
      { folder: temp },
      error,
    )
  }
}

/** Remembers every folder it makes, those in between too, down from one that is known. */
async function makeFolders(files: Files, folder: string, known: Set<string>): Promise<void> {
  if (known.has(folder)) return
  await makeFolders(files, dirname(folder), known)
  await files.makeFolder(folder)
  known.add(folder)
}

async function writeFile(
  files: Files,
  path: string,
  content: AsyncIterable<Uint8Array>,
): Promise<void> {
  const file = await files.create(path)
  try {
    for await (const chunk of content) await file.write(chunk)
    await file.datasync()
  } finally {
    await file.close()
  }
}
