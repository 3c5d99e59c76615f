/** What SQLite stores. */
export type SqlValue = string | number | bigint | null | Uint8Array

/** Statements that a procedure runs, one after the other, inside its unit. */
export interface Sql {
  /** Rows by position. */
  all(sql: string, params: readonly SqlValue[]): readonly (readonly SqlValue[])[]
  run(sql: string, params: readonly SqlValue[]): void
}
