/** Runs one or more SQL statements. */
export type Exec = (sql: string) => void

/** One step forward of the catalog's schema. It runs in one transaction with its row in `migrations`. */
export interface Migration {
  /** The catalog runs what it has not run yet, in ascending order. */
  readonly version: number
  readonly name: string
  up(exec: Exec): void
}
