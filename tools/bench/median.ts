import { quantile, sortedFinite } from '../../src/core/quantile.ts'

/** Of the finite values; NaN when there is none. */
export function median(values: readonly number[]): number {
  return quantile(sortedFinite(values), 0.5)
}
