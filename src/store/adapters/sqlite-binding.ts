import { backup, DatabaseSync } from '@photostructure/sqlite'

/**
 * The only file that names the SQLite binding. It has the API of `node:sqlite`, which can take its place in
 * this line where Node ≥ 22 is given.
 */
export type Database = InstanceType<typeof DatabaseSync>

export type Statement = ReturnType<Database['prepare']>

/** Copies a database into a new file, a number of pages at a time, off the thread that asks. */
export const copyDatabase = backup

/** How long a statement waits for another connection's lock. */
export const BUSY_TIMEOUT_MS = 5_000

export function openDatabase(path: string): Database {
  return new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS })
}

/** A database that is not ours. */
export function openToRead(path: string): Database {
  return new DatabaseSync(path, { timeout: 5_000, readOnly: true })
}
