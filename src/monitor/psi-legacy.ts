import { GyreError } from '../core/errors.ts'
import { quantile } from '../core/quantile.ts'
import { divergence } from './psi.ts'
import { PSI_ACT, PSI_WATCH } from './psi-verdict.ts'

/**
 * PSI as many guides write it: ten closed bins between the reference's percentiles, shares of *all* rows.
 * Values outside the reference's range and NaN fall out of the histogram and are hardly noticed (10 % of
 * the traffic at an absurd value: 0.01, where open outer bins give 0.07); kept for parity with such code.
 * Equals `np.percentile` + `np.histogram` + `np.clip(…, 1e-6, None)`. Throws INVALID_ARGUMENT when the
 * reference is empty or holds NaN, where numpy raises too.
 */
export function legacyPsi(
  reference: ArrayLike<number>,
  actual: ArrayLike<number>,
  bins = 10,
): number {
  const sorted = new Float64Array(reference).toSorted()
  if (sorted.length === 0 || Number.isNaN(sorted.at(-1)))
    throw new GyreError('INVALID_ARGUMENT', 'reference: expected numbers, none of them NaN')
  const edges = Array.from({ length: bins + 1 }, (_, i) => quantile(sorted, i / bins))
  return divergence(
    closedShares(sorted, edges),
    closedShares(new Float64Array(actual).toSorted(), edges),
  )
}

/** The guide's answer to an index: both marks are strict. */
export function legacyAction(value: number): 'retrain' | 'monitor' | 'none' {
  if (value > PSI_ACT) return 'retrain'
  return value > PSI_WATCH ? 'monitor' : 'none'
}

/** Each bin holds low ≤ x < high, the last one x = high too, as in `np.histogram`; NaN sorts last. */
function closedShares(sorted: Float64Array, edges: readonly number[]): number[] {
  const last = edges.length - 1
  const below = edges.map((edge, i) => countBelow(sorted, edge, i === last))
  return below.slice(1).map((upTo, bin) => (upTo - (below[bin] ?? 0)) / sorted.length)
}

/** How many of the ascending values are < edge, or ≤ edge when `inclusive`. */
function countBelow(sorted: Float64Array, edge: number, inclusive: boolean): number {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >> 1
    const value = sorted[middle] ?? 0
    if (value < edge || (inclusive && value === edge)) low = middle + 1
    else high = middle
  }
  return low
}
