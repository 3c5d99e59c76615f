import type { Database } from './sqlite-binding.ts'
import type { Execute } from './sqlite-connection.ts'
import type { SqlResult, SqlValue } from './sqlite-protocol.ts'

/**
 * The writer's side of a group commit: one transaction, one savepoint a unit. A step that fails, or an error
 * after which SQLite has rolled everything back (disk full), breaks the batch: what follows throws that error,
 * so that nothing is ever written outside the transaction.
 */
export interface Batch {
  begin(): void
  unit(): void
  keep(): void
  undo(): void
  run(sql: string, params: readonly SqlValue[]): SqlResult
  /** Gives so many pages that nothing uses back to the end of the file. */
  shrink(pages: number): void
  commit(): void
}

export function createBatch(database: Database, execute: Execute): Batch {
  let broken: Error | undefined = noBatch()

  function step(sql: string): void {
    if (broken !== undefined) return
    try {
      execute(sql, [])
    } catch (error) {
      broken = toError(error)
    }
  }

  return {
    begin() {
      broken = undefined
      step('BEGIN IMMEDIATE')
    },
    unit: () => step('SAVEPOINT unit'),
    keep: () => step('RELEASE unit'),
    undo() {
      step('ROLLBACK TO unit')
      step('RELEASE unit')
    },
    run(sql, params) {
      if (broken !== undefined) throw broken
      try {
        return execute(sql, params)
      } catch (error) {
        if (!database.isTransaction) broken = toError(error)
        throw error
      }
    },
    shrink(pages) {
      if (broken !== undefined) throw broken
      // Each step of the statement frees one page; `exec` takes them all.
      database.exec(`PRAGMA incremental_vacuum(${pages})`)
    },
    commit() {
      step('COMMIT')
      const failure = broken
      broken = noBatch()
      if (database.isTransaction) database.exec('ROLLBACK')
      if (failure !== undefined) throw failure
    },
  }
}

function noBatch(): Error {
  return new Error('no batch was begun')
}

function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}
