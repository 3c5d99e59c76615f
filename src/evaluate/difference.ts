/** A metric of the candidate less the champion's on the same rows, with its confidence interval. */
export interface Difference {
  readonly value: number
  readonly lower: number
  readonly upper: number
  /** Confidence of the interval, 0..1. */
  readonly level: number
}
