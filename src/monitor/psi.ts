import { GyreError } from '../core/errors.ts'

/** Keeps the logarithm of an empty bin finite. */
const SHARE_FLOOR = 1e-6

/**
 * Population stability index between two histograms of present values over the same bins, in nats (0 =
 * same). `expected` and `actual` hold counts; empty bins are floored at a share of 1e-6. Null when either
 * side is empty. O(bins). Source: Siddiqi, Credit Risk Scorecards (2006).
 * Throws INVALID_ARGUMENT on unequal lengths.
 */
export function psi(expected: readonly number[], actual: readonly number[]): number | null {
  if (expected.length !== actual.length)
    throw new GyreError(
      'INVALID_ARGUMENT',
      `actual: expected ${expected.length} bins like the reference, got ${actual.length}`,
    )
  const [p, q] = [shares(expected), shares(actual)]
  if (!p || !q) return null
  return divergence(p, q)
}

/** Σ (q − p) · ln(q / p), each share floored at 1e-6. */
function divergence(p: readonly number[], q: readonly number[]): number {
  return p.reduce((sum, share, bin) => {
    const before = Math.max(share, SHARE_FLOOR)
    const after = Math.max(q[bin] ?? 0, SHARE_FLOOR)
    return sum + (after - before) * Math.log(after / before)
  }, 0)
}

function shares(counts: readonly number[]): readonly number[] | undefined {
  const total = counts.reduce((sum, count) => sum + count, 0)
  return total > 0 ? counts.map((count) => count / total) : undefined
}
