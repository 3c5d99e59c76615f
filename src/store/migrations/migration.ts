/** Runs one or more SQL statements. */
export type Exec = (sql: string) => void

/** Runs one statement with its parameters, and gives the rows it answers. */
export type Query = (
  sql: string,
  params?: readonly (string | number | bigint | null | Uint8Array)[],
) => Readonly<Record<string, unknown>>[]

/** One step forward of the catalog's schema. It runs in one transaction with its row in `migrations`. */
export interface Migration {
  /** The catalog runs what it has not run yet, in ascending order. */
  readonly version: number
  readonly name: string
  up(exec: Exec, query: Query): void
}
