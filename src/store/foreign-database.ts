import { GyreError } from '../core/errors.ts'
import { openToRead } from './adapters/sqlite-binding.ts'
import type { SqlValue } from './procedures/sql.ts'

/** A SQLite database that another program owns, and may be writing to. Nothing is written to it. */
export interface ForeignDatabase {
  readonly tables: ReadonlySet<string>
  /**
   * Rows by column; whole numbers are bigint. Nothing stays locked once it has answered. Throws INVALID_INPUT for what
   * cannot be read: damage, or a lock that somebody holds.
   */
  rows(sql: string, params?: readonly SqlValue[]): readonly Readonly<Record<string, unknown>>[]
  close(): void
}

/** Throws INVALID_ARGUMENT when the file is no such database. */
export function openForeignDatabase(path: string): ForeignDatabase {
  try {
    const database = openToRead(path)
    const named = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all()
    return {
      tables: new Set(named.map(({ name }) => String(name))),
      rows(sql, params = []) {
        try {
          const statement = database.prepare(sql)
          statement.setReadBigInts(true)
          return statement.all(...params)
        } catch (cause) {
          throw new GyreError('INVALID_INPUT', `${path}: ${reasonOf(cause)}`, { path }, cause)
        }
      },
      close: () => database.close(),
    }
  } catch (cause) {
    throw new GyreError(
      'INVALID_ARGUMENT',
      `${path}: expected an SQLite database (${reasonOf(cause)})`,
      { path },
      cause,
    )
  }
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
