import { auc, rank } from './auc.ts'
import { calibrationError } from './calibration.ts'
import { rowLogLoss } from './log-loss.ts'
import { assertScoredRows, type ScoredRows } from './scored-rows.ts'

/** How well scores met outcomes. Null is "undefined here": no rows, one class only, nothing predicted. */
export interface BinaryMetrics {
  /** Rows, whatever their weight. */
  readonly n: number
  readonly positiveRate: number | null
  readonly meanScore: number | null
  readonly auc: number | null
  /** Nats per row. */
  readonly logLoss: number | null
  readonly brier: number | null
  readonly accuracy: number | null
  readonly precision: number | null
  readonly recall: number | null
  readonly f1: number | null
  /** Mean score − positive rate: above 0, the model promises too much. */
  readonly calibration: number | null
  readonly calibrationError: number | null
}

/**
 * Every metric of a binary classifier in one pass and one ranking; a score ≥ `threshold` predicts class 1.
 * Throws INVALID_ARGUMENT for columns of unequal length, a label other than 0 and 1, a score outside 0..1.
 */
export function binaryMetrics(rows: ScoredRows, threshold = 0.5): BinaryMetrics {
  assertScoredRows(rows)
  const sums = sumUp(rows, threshold)
  const { weight, truePositive, predicted, positive } = sums
  const right = truePositive + (weight - predicted - positive + truePositive)
  return {
    n: rows.scores.length,
    positiveRate: ratio(positive, weight),
    meanScore: ratio(sums.score, weight),
    auc: auc(rank(rows.scores), rows.labels, rows.weights),
    logLoss: ratio(sums.logLoss, weight),
    brier: ratio(sums.squares, weight),
    accuracy: ratio(right, weight),
    precision: ratio(truePositive, predicted),
    recall: ratio(truePositive, positive),
    f1: ratio(2 * truePositive, predicted + positive),
    calibration: ratio(sums.score - positive, weight),
    calibrationError: calibrationError(rows),
  }
}

function sumUp({ scores, labels, weights }: ScoredRows, threshold: number) {
  let [weight, score, positive, predicted, truePositive] = [0, 0, 0, 0, 0]
  let [logLoss, squares] = [0, 0]
  for (let row = 0; row < scores.length; row++) {
    const [p, y, w] = [scores[row] ?? 0, labels[row] ?? 0, weights ? (weights[row] ?? 0) : 1]
    const hit = p >= threshold ? w : 0
    weight += w
    score += w * p
    positive += w * y
    predicted += hit
    truePositive += hit * y
    logLoss += w * rowLogLoss(p, y)
    squares += w * (p - y) ** 2
  }
  return { weight, score, positive, predicted, truePositive, logLoss, squares }
}

function ratio(part: number, whole: number): number | null {
  return whole > 0 ? part / whole : null
}
