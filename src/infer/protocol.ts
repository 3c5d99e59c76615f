import type { ErrorCode } from '../core/errors.ts'
import type { ModelSource } from './session.ts'

/** What the server says to an inference worker. One `load` or `run` is open at a time, so replies carry no id. */
export type Command =
  | { readonly kind: 'load'; readonly session: number; readonly source: ModelSource }
  /** `rows` is JSON of `ModelRow[]`: for mixed rows a quarter of the cost of a structured clone. */
  | { readonly kind: 'run'; readonly session: number; readonly rows: string }
  | { readonly kind: 'drop'; readonly session: number }

/** A row that failed alone; `row` is its index in the batch. */
export interface RowFailure {
  readonly row: number
  readonly code: ErrorCode
  readonly message: string
}

/** What an inference worker says, over a thread's port or a child's channel alike. */
export type Reply =
  | { readonly kind: 'ready' }
  | { readonly kind: 'loaded' }
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly message: string }
  /** `values`, row by row: the score, then the input vector the model saw (NaN = missing). */
  | {
      readonly kind: 'ran'
      readonly values: Float32Array<ArrayBuffer>
      readonly failures: readonly RowFailure[]
    }
  /** A promise that user code left to reject; no row is known to have failed by it. */
  | { readonly kind: 'stray'; readonly message: string }
