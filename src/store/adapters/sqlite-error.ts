import { GyreError, type ErrorCode } from '../../core/errors.ts'

/** SQLite's own sentences: the binding gives no code for an error met while stepping a statement. */
const SENTENCES: readonly (readonly [RegExp, ErrorCode])[] = [
  [/UNIQUE constraint failed/, 'ALREADY_EXISTS'],
  [/FOREIGN KEY constraint failed/, 'CONFLICT'],
  [/database or disk is full/, 'DISK_FULL'],
  [/readonly database|unable to open database/, 'FOLDER_NOT_WRITABLE'],
  [/database is locked|disk I\/O error/, 'UNAVAILABLE'],
]

/** An error of SQLite as ours, with SQLite's sentence in the cause. */
export function sqliteError(message: string, sql?: string): GyreError {
  const known = SENTENCES.find(([sentence]) => sentence.test(message))
  const details = sql === undefined ? {} : { sql }
  return new GyreError(known?.[1] ?? 'INTERNAL', `catalog: ${message}`, details, new Error(message))
}
