import type { ScoredRows } from './scored-rows.ts'

/**
 * Expected calibration error, 0..1: the mean distance of score and outcome over `bins` equal-width bins of
 * the score, weighted by the rows in them; null for no rows. Source: Naeini, Cooper, Hauskrecht (2015).
 */
export function calibrationError(
  { scores, labels, weights }: ScoredRows,
  bins = 10,
): number | null {
  const gap = new Float64Array(bins)
  let total = 0
  for (let row = 0; row < scores.length; row++) {
    const [score, weight] = [scores[row] ?? 0, weights ? (weights[row] ?? 0) : 1]
    const bin = Math.min(Math.floor(score * bins), bins - 1)
    gap[bin] = (gap[bin] ?? 0) + weight * (score - (labels[row] ?? 0))
    total += weight
  }
  return total > 0 ? gap.reduce((sum, each) => sum + Math.abs(each), 0) / total : null
}
