/** What SQLite stores. */
export type SqlValue = string | number | bigint | null | Uint8Array

/** A result by position: an array clones between threads in two thirds of the time of an object. */
export interface SqlResult {
  readonly columns: readonly string[]
  readonly rows: readonly (readonly SqlValue[])[]
  /** Rows inserted, updated or deleted; undefined for a statement that answers rows. */
  readonly changes: number | undefined
}

/**
 * What the main thread asks. The steps of a batch (`begin`, `unit`, `keep`, `undo`) get no reply of their own:
 * one that fails spoils the batch, and everything asked after it is told so.
 */
export type Op =
  | { readonly op: 'begin' | 'unit' | 'keep' | 'undo' }
  | { readonly op: 'commit' | 'checkpoint' | 'close'; readonly id: number }
  | {
      readonly op: 'run' | 'read'
      readonly id: number
      readonly sql: string
      readonly params: readonly SqlValue[]
    }

export type Reply =
  | { readonly id: number; readonly result: SqlResult }
  | { readonly id: number; readonly error: string }

/** The first message of the thread: the database is open and of this version, or why not. */
export type Opened =
  | { readonly opened: true }
  | { readonly opened: false; readonly code: string; readonly message: string }

export interface ThreadData {
  readonly path: string
  /** ISO time written beside the migrations that run now. */
  readonly at: string
}

export const NO_RESULT: SqlResult = { columns: [], rows: [], changes: undefined }
