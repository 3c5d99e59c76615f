import type { ErrorCode } from '../core/errors.ts'
import type { Tensor } from '../core/tensor.ts'
import type { Graph, Source } from './session.ts'

/** What a worker is asked. */
export type Request =
  | { readonly kind: 'load'; readonly session: number; readonly source: Source }
  /** `rows` is JSON of `FieldsRow[]`: a quarter of the cost of a structured clone. */
  | { readonly kind: 'run'; readonly session: number; readonly rows: string }
  /** Whole input vectors, row after row. */
  | { readonly kind: 'score'; readonly session: number; readonly vectors: Float32Array }
  /** One run of a graph, in the order of its inputs. */
  | { readonly kind: 'tensors'; readonly session: number; readonly inputs: readonly Tensor[] }

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
  /** With what a graph was found to be. */
  | { readonly kind: 'loaded'; readonly graph?: Graph }
  | {
      readonly kind: 'ran'
      /** One a row. */
      readonly scores: Float32Array
      /** The vectors that `run` made of its rows (NaN = missing); empty after `score`. */
      readonly vectors: Float32Array
      readonly failures: readonly RowFailure[]
    }
  | { readonly kind: 'tensors'; readonly outputs: readonly Tensor[] }
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly message: string }

/** The id that a worker's first answer, `ready`, carries. */
export const START = 0

/** What an inference worker says: one answer to each request, in their order. */
export type Reply =
  | {
      readonly kind: 'answer'
      readonly id: number
      readonly answer: Answer
      /** By `threadClockMs`: when the worker set to work, and when it was done. */
      readonly beganMs: number
      readonly endedMs: number
    }
  /** A promise that user code left to reject; no row is known to have failed by it. */
  | { readonly kind: 'stray'; readonly message: string }
