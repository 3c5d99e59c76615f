import { auc, rank, type Ranking } from './auc.ts'
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

export interface MetricOptions {
  /** A score of this or more predicts class 1; 0.5 unless told. */
  readonly threshold?: number
  /** Of the scores, where the same are measured many times. */
  readonly ranking?: Ranking
}

/**
 * Every metric of a binary classifier in one pass and one ranking.
 * Throws INVALID_ARGUMENT for columns of unequal length, a label other than 0 and 1, a score outside 0..1.
 */
export function binaryMetrics(
  rows: ScoredRows,
  { threshold = 0.5, ranking = rank(rows.scores) }: MetricOptions = {},
): BinaryMetrics {
  assertScoredRows(rows)
  const sums = sumUp(rows, threshold)
  const { weight, truePositive, predicted, positive } = sums
  const right = truePositive + (weight - predicted - positive + truePositive)
  return {
    n: rows.scores.length,
    positiveRate: ratio(positive, weight),
    meanScore: ratio(sums.score, weight),
    auc: auc(ranking, rows.labels, rows.weights),
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

/** How many rows each share is made of; unweighted. */
export function countOf({ scores, labels }: ScoredRows) {
  const { weight, positive, predicted, truePositive } = sumUp({ scores, labels }, 0.5)
  const right = weight - predicted - positive + 2 * truePositive
  return { rows: weight, positive, predicted, truePositive, right }
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
