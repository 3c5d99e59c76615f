import { GyreError } from '../core/errors.ts'
import { mean, variance } from '../core/stats.ts'
import { rank } from './auc.ts'
import { binaryMetrics, type BinaryMetrics } from './classification.ts'
import { rowLogLoss } from './log-loss.ts'
import { normalReach } from './normal.ts'
import { bootstrap, type Resampling } from './resampling.ts'
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

/**
 * Difference in log loss by the normal approximation to the mean of the paired row differences: exact
 * enough from some hundred rows on, and no resampling. Null below two rows. O(n).
 */
export function logLossDifference(rows: PairedRows): Difference | null {
  const perRow = lossDifferences(rows)
  if (perRow.length < 2) return null
  const value = mean(perRow)
  const reach = normalReach(variance(perRow) / perRow.length)
  return { value, lower: value - reach, upper: value + reach }
}

/**
 * The differences of any metrics by the paired percentile bootstrap: both models are measured on the same drawn
 * rows. A metric that is undefined on the rows themselves, or below two rows, is left out.
 */
export function bootstrapDifferences(
  rows: PairedRows,
  metrics: readonly string[],
  resampling: Resampling,
): Record<string, Difference> {
  assertPaired(rows)
  const { candidate, champion, labels } = rows
  if (labels.length < 2 || metrics.length === 0) return {}
  const [ourRanks, theirRanks] = [rank(candidate), rank(champion)]
  const difference = (weights?: Uint32Array): Record<string, number | null> => {
    const ours = binaryMetrics({ scores: candidate, labels, weights }, { ranking: ourRanks })
    const theirs = binaryMetrics({ scores: champion, labels, weights }, { ranking: theirRanks })
    return Object.fromEntries(metrics.map((name) => [name, less(ours, theirs, name)]))
  }
  const values = difference()
  const intervals = bootstrap(labels.length, resampling, difference)
  return Object.fromEntries(
    Object.entries(intervals).flatMap(([name, interval]) => {
      const value = values[name]
      return value == null ? [] : [[name, { value, ...interval }]]
    }),
  )
}

function less(ours: BinaryMetrics, theirs: BinaryMetrics, name: string): number | null {
  const [a, b] = [ours, theirs].map((metrics) => new Map(Object.entries(metrics)).get(name))
  return typeof a === 'number' && typeof b === 'number' ? a - b : null
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
