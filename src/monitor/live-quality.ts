import { binaryMetrics } from '../evaluate/classification.ts'
import type { PredictionWindow } from '../predictions/window.ts'

/** How well the scores of a window met their labels; null where there are too few. */
export interface LiveQuality {
  readonly n: number
  readonly lateRate: number | null
  /** Nats per row. */
  readonly logLoss: number | null
  readonly auc: number | null
  /** Mean score − label rate. */
  readonly calibration: number | null
}

/**
 * Quality over the rows `chosen`, of which those count that were answered and whose label is known to be 0
 * or 1. Fewer than `minRows` of them give no number at all.
 */
export function liveQuality(
  { score, label }: Pick<PredictionWindow, 'score' | 'label'>,
  chosen: readonly number[],
  minRows: number,
): LiveQuality {
  const judged = chosen.filter((row) => isScore(score[row]) && isOutcome(label[row]))
  if (judged.length < minRows)
    return { n: judged.length, lateRate: null, logLoss: null, auc: null, calibration: null }
  const { n, positiveRate, logLoss, auc, calibration } = binaryMetrics({
    scores: Float64Array.from(judged, (row) => score[row] ?? Number.NaN),
    labels: Float64Array.from(judged, (row) => label[row] ?? Number.NaN),
  })
  return { n, lateRate: positiveRate, logLoss, auc, calibration }
}

function isScore(score: number | undefined): boolean {
  return score !== undefined && score >= 0 && score <= 1
}

function isOutcome(label: number | undefined): boolean {
  return label === 0 || label === 1
}
