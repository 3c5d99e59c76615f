import type { ErrorCode } from '../core/errors.ts'
import type { ModelSource } from './session.ts'

/** What a worker is asked. */
export type Request =
  | { readonly kind: 'load'; readonly session: number; readonly source: ModelSource }
  /** `rows` is JSON of `FieldsRow[]`: a quarter of the cost of a structured clone. */
  | { readonly kind: 'run'; readonly session: number; readonly rows: string }
  /** Whole input vectors, row after row. */
  | { readonly kind: 'score'; readonly session: number; readonly vectors: Float32Array }

/** What the server says to an inference worker, over a thread's port or a child's channel alike. */
export type Command =
  | (Request & { readonly id: number })
  | { readonly kind: 'drop'; readonly session: number }

/** A row that failed alone; `row` is its index in the batch. */
export interface RowFailure {
  readonly row: number
  readonly code: ErrorCode
  readonly message: string
}

export type Answer =
  | { readonly kind: 'ready' }
  | { readonly kind: 'loaded' }
  | {
      readonly kind: 'ran'
      /** One a row. */
      readonly scores: Float32Array
      /** The vectors that `run` made of its rows (NaN = missing); empty after `score`. */
      readonly vectors: Float32Array
      readonly failures: readonly RowFailure[]
    }
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly message: string }

/** The id that a worker's first answer, `ready`, carries. */
export const START = 0

/** What an inference worker says: one answer to each request, in their order. */
export type Reply =
  | { readonly kind: 'answer'; readonly id: number; readonly answer: Answer }
  /** A promise that user code left to reject; no row is known to have failed by it. */
  | { readonly kind: 'stray'; readonly message: string }
