import type { Interval } from '@gyre/sdk/wire/gate'
import { betaQuantile } from '../core/beta.ts'
import { rank } from './auc.ts'
import { binaryMetrics, countOf } from './classification.ts'
import { aucInterval } from './delong.ts'
import { bootstrap, type Resampling } from './resampling.ts'
import type { ScoredRows } from './scored-rows.ts'

/** Metrics that are no share and have no closed form here. */
const RESAMPLED = [
  'meanScore',
  'logLoss',
  'brier',
  'f1',
  'calibration',
  'calibrationError',
] as const

/**
 * The exact 95 % interval of a share of `hits` in `rows`; null of no rows. It holds the true share at least as
 * often as it says, at the price of some width. Source: Clopper & Pearson (1934), Biometrika 26.
 */
export function clopperPearson(hits: number, rows: number): Interval | null {
  if (rows === 0) return null
  return {
    lower: hits === 0 ? 0 : betaQuantile(0.025, hits, rows - hits + 1),
    upper: hits === rows ? 1 : betaQuantile(0.975, hits + 1, rows - hits),
  }
}

/**
 * The 95 % interval of every metric of a binary classifier that has one on these rows: exact for shares, DeLong's
 * for the AUC, the bootstrap for the others, or for those of them that are `wanted`. Unweighted rows only.
 */
export function metricIntervals(
  { scores, labels }: ScoredRows,
  resampling: Resampling,
  wanted: readonly string[] = RESAMPLED,
): Record<string, Interval> {
  const { rows, positive, predicted, truePositive, right } = countOf({ scores, labels })
  const ranking = rank(scores)
  const drawn = RESAMPLED.filter((name) => wanted.includes(name))
  const rounds = drawn.length === 0 ? 0 : resampling.rounds
  const found: Record<string, Interval | null | undefined> = {
    positiveRate: clopperPearson(positive, rows),
    accuracy: clopperPearson(right, rows),
    precision: clopperPearson(truePositive, predicted),
    recall: clopperPearson(truePositive, positive),
    auc: aucInterval({ scores, labels }),
    ...bootstrap(rows, { ...resampling, rounds }, (weights) => {
      const metrics = binaryMetrics({ scores, labels, weights }, { ranking })
      return Object.fromEntries(drawn.map((name) => [name, metrics[name]]))
    }),
  }
  return Object.fromEntries(
    Object.entries(found).flatMap(([name, interval]) => (interval ? [[name, interval]] : [])),
  )
}
