import { GyreError } from '../core/errors.ts'

/** What a binary classifier is judged by, column by column, all of one length. */
export interface ScoredRows {
  /** Probability of class 1, 0..1. */
  readonly scores: ArrayLike<number>
  /** The outcome, 0 or 1. */
  readonly labels: ArrayLike<number>
  /** How much each row counts, ≥ 0; 1 each when absent. */
  readonly weights?: ArrayLike<number> | undefined
}

/** Throws INVALID_ARGUMENT naming the column and the first row that cannot be judged. */
export function assertScoredRows({ scores, labels, weights }: ScoredRows): void {
  const rows = scores.length
  assertColumn('labels', labels, rows, 'expected 0 or 1', (label) => label === 0 || label === 1)
  assertColumn('scores', scores, rows, 'expected 0..1', (score) => score >= 0 && score <= 1)
  if (weights)
    assertColumn('weights', weights, rows, 'expected ≥ 0', (w) => w >= 0 && Number.isFinite(w))
}

function assertColumn(
  name: string,
  values: ArrayLike<number>,
  rows: number,
  expected: string,
  fits: (value: number) => boolean,
): void {
  if (values.length !== rows)
    throw new GyreError('INVALID_ARGUMENT', `${name}: expected ${rows} rows, got ${values.length}`)
  for (let row = 0; row < rows; row++) {
    const value = values[row] ?? Number.NaN
    if (!fits(value))
      throw new GyreError('INVALID_ARGUMENT', `${name}: ${expected}, got ${value} at row ${row}`)
  }
}
