import type { ErrorCode, ErrorDetails } from '../../core/errors.ts'
import type { ProcedureCall } from '../procedure.ts'
import type { SqlValue } from '../procedures/sql.ts'

export type { SqlValue }

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
  /** Gives some pages that nothing uses back to the file's end; a part of a unit. */
  | { readonly op: 'shrink'; readonly id: number; readonly pages: number }
  | {
      readonly op: 'run' | 'read'
      readonly id: number
      readonly sql: string
      readonly params: readonly SqlValue[]
    }
  | { readonly op: 'call'; readonly id: number; readonly call: ProcedureCall }
  | { readonly op: 'view-open' | 'view-close'; readonly id: number; readonly view: number }
  | { readonly op: 'view-ask'; readonly id: number; readonly view: number; readonly ask: ViewAsk }
  | { readonly op: 'view-copy'; readonly id: number; readonly view: number; readonly path: string }

/** What is asked of the database as of one commit. */
export type ViewAsk =
  | { readonly verb: 'read'; readonly sql: string; readonly params: readonly SqlValue[] }
  | {
      readonly verb: 'open'
      readonly cursor: number
      readonly sql: string
      readonly params: readonly SqlValue[]
    }
  | { readonly verb: 'next'; readonly cursor: number; readonly most: number }
  | { readonly verb: 'end'; readonly cursor: number }

export type Reply =
  | { readonly id: number; readonly result: SqlResult }
  | { readonly id: number; readonly returned: unknown }
  | { readonly id: number; readonly error: string }
  /** A procedure's own refusal. */
  | { readonly id: number; readonly refused: Refused }

export interface Refused {
  readonly code: ErrorCode
  readonly message: string
  readonly details: ErrorDetails
}

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
