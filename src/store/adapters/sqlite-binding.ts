import { DatabaseSync } from '@photostructure/sqlite'

/**
 * The only file that names the SQLite binding. It has the API of `node:sqlite`, which can take its place in
 * this line where Node ≥ 22 is given.
 */
export type Database = InstanceType<typeof DatabaseSync>

export type Statement = ReturnType<Database['prepare']>

export function openDatabase(path: string): Database {
  return new DatabaseSync(path, { timeout: 5_000 })
}
