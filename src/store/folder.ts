import { access, constants, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { errnoOf, GyreError } from '../core/errors.ts'
import { openDatabase, type Database } from './adapters/sqlite-binding.ts'

/** The data folder, held by this process alone until closed. */
export interface Folder {
  readonly path: string
  close(): Promise<void>
}

/**
 * Makes the folder if need be and locks it with an exclusive transaction on `lock.db`, which the operating
 * system gives back when the process dies. Throws FOLDER_NOT_WRITABLE, and FOLDER_LOCKED with the holder's pid.
 */
export async function openFolder(path: string): Promise<Folder> {
  await makeWritable(path)
  const holderPath = join(path, 'lock.json')
  const lock = await lockOrThrow(path, holderPath)
  await writeFile(holderPath, JSON.stringify({ pid: process.pid }))
  return {
    path,
    async close() {
      await rm(holderPath, { force: true })
      lock.close()
    },
  }
}

/** Makes the folder if need be. Throws FOLDER_NOT_WRITABLE. */
export async function makeWritable(path: string): Promise<void> {
  try {
    await makeFolder(path)
    // With the slash, a file that stands where the folder should is refused too.
    await access(`${path}/`, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    throw new GyreError(
      'FOLDER_NOT_WRITABLE',
      `cannot write to the data folder ${path}: choose another with --data, or change its owner`,
      { path },
      error,
    )
  }
}

/** Not `mkdir` with `recursive`: below /proc Node 20 tries that for ever. */
async function makeFolder(path: string, parentsMade = false): Promise<void> {
  try {
    await mkdir(path)
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return
    if (errnoOf(error) !== 'ENOENT' || parentsMade || dirname(path) === path) throw error
    await makeFolder(dirname(path))
    await makeFolder(path, true)
  }
}

async function lockOrThrow(path: string, holderPath: string): Promise<Database> {
  const lock = openDatabase(join(path, 'lock.db'))
  try {
    lock.exec('PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE')
    return lock
  } catch (error) {
    lock.close()
    const pid = await holderPid(holderPath)
    const holder = pid === undefined ? 'another process' : `process ${pid}`
    throw new GyreError(
      'FOLDER_LOCKED',
      `the data folder ${path} is in use by ${holder}: stop it, or choose another folder with --data`,
      { path, ...(pid === undefined ? {} : { pid }) },
      error,
    )
  }
}

async function holderPid(holderPath: string): Promise<number | undefined> {
  try {
    const holder: unknown = JSON.parse(await readFile(holderPath, 'utf8'))
    if (typeof holder !== 'object' || holder === null || !('pid' in holder)) return undefined
    return typeof holder.pid === 'number' ? holder.pid : undefined
  } catch {
    return undefined
  }
}
