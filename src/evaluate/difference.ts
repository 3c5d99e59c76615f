import { GyreError } from '../core/errors.ts'
import { quantile } from '../core/quantile.ts'
import type { Random } from '../core/random.ts'
import { mean, variance } from '../core/stats.ts'
import { auc, rank } from './auc.ts'
import { rowLogLoss } from './log-loss.ts'
import { assertScoredRows } from './scored-rows.ts'

/** A metric of the candidate less the champion's on the same rows, with its 95 % confidence interval. */
export interface Difference {
  readonly value: number
  readonly lower: number
  readonly upper: number
}

/** Scores of two models for the same rows, and what happened. */
export interface PairedRows {
  readonly candidate: ArrayLike<number>
  readonly champion: ArrayLike<number>
  /** 0 or 1. */
  readonly labels: ArrayLike<number>
}

export interface Resampling {
  readonly random: Random
  readonly rounds: number
}

/** Φ⁻¹(0.975). */
const Z = 1.959963984540054

const TAILS = [0.025, 0.975] as const

/**
 * Difference in log loss by the normal approximation to the mean of the paired row differences: exact
 * enough from some hundred rows on, and no resampling. Null below two rows. O(n).
 */
export function logLossDifference(rows: PairedRows): Difference | null {
  const perRow = lossDifferences(rows)
  if (perRow.length < 2) return null
  const value = mean(perRow)
  const reach = Z * Math.sqrt(variance(perRow) / perRow.length)
  return { value, lower: value - reach, upper: value + reach }
}

/**
 * The same by the percentile bootstrap over rows; the same seed gives the same interval. Null below two
 * rows. O(rounds · n). Source: Efron & Tibshirani, An Introduction to the Bootstrap (1993), chapter 13.
 */
export function bootstrapLogLoss(rows: PairedRows, resampling: Resampling): Difference | null {
  const perRow = lossDifferences(rows)
  if (perRow.length < 2) return null
  return interval(mean(perRow), resampling, perRow.length, (times) => {
    let sum = 0
    for (let row = 0; row < perRow.length; row++) sum += (times[row] ?? 0) * (perRow[row] ?? 0)
    return sum / perRow.length
  })
}

/** Difference in AUC by the paired percentile bootstrap; null when the labels hold one class only. */
export function bootstrapAuc(rows: PairedRows, resampling: Resampling): Difference | null {
  assertPaired(rows)
  const { labels } = rows
  const [ours, theirs] = [rank(rows.candidate), rank(rows.champion)]
  const difference = (times?: Uint32Array): number | null => {
    const [a, b] = [auc(ours, labels, times), auc(theirs, labels, times)]
    return a === null || b === null ? null : a - b
  }
  const value = difference()
  return value === null ? null : interval(value, resampling, labels.length, difference)
}

/** `measure` gets how often each row was drawn; rounds it cannot measure (one class drawn) are left out. */
function interval(
  value: number,
  { random, rounds }: Resampling,
  rows: number,
  measure: (times: Uint32Array) => number | null,
): Difference | null {
  const times = new Uint32Array(rows)
  const measured = Array.from({ length: rounds }, () => measure(redraw(times, random)))
  const sorted = measured.filter((each) => each !== null).toSorted((a, b) => a - b)
  if (sorted.length === 0) return null
  const [lower, upper] = [quantile(sorted, TAILS[0]), quantile(sorted, TAILS[1])]
  return { value, lower, upper }
}

/** Draws as many rows as there are, with replacement, and counts them in place. */
function redraw(times: Uint32Array, random: Random): Uint32Array {
  times.fill(0)
  for (let draw = 0; draw < times.length; draw++) {
    const row = Math.floor(random() * times.length)
    times[row] = (times[row] ?? 0) + 1
  }
  return times
}

function lossDifferences(rows: PairedRows): Float64Array {
  assertPaired(rows)
  return Float64Array.from({ length: rows.labels.length }, (_, row) => {
    const label = rows.labels[row] ?? 0
    return rowLogLoss(rows.candidate[row] ?? 0, label) - rowLogLoss(rows.champion[row] ?? 0, label)
  })
}

function assertPaired({ candidate, champion, labels }: PairedRows): void {
  assertScoredRows({ scores: candidate, labels })
  if (champion.length !== candidate.length)
    throw new GyreError(
      'INVALID_ARGUMENT',
      `champion: expected ${candidate.length} rows, got ${champion.length}`,
    )
  assertScoredRows({ scores: champion, labels })
}
