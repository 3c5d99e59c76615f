import type { RowSet } from '../wire/pipeline.ts'

/** One input of every row. A missing number is NaN. */
interface NumberInput {
  readonly kind: 'number'
  readonly name: string
  readonly values: Float32Array
}

/** The categories of a `rate` input, before a trainer has learned their rates. */
interface CategoryInput {
  readonly kind: 'category'
  readonly name: string
  readonly prior: number
  readonly categories: readonly string[]
  /** Per row, the position in `categories`; -1 = missing. */
  readonly index: Int32Array
}

/** An input of every row: numbers, or categories whose rates a trainer has yet to learn. */
export type FrameInput = NumberInput | CategoryInput

/** A row set in memory, by column, oldest row first. Every array has one entry a row. */
export interface Frame {
  readonly set: RowSet
  readonly rows: number
  /** 0 or 1. */
  readonly label: Uint8Array
  /** Event time, epoch milliseconds. */
  readonly at: Float64Array
  /** In the order of the model's input vector, features and transforms looked up already. */
  readonly inputs: readonly FrameInput[]
}
