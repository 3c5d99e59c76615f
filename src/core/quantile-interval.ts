import { incompleteBeta } from './beta.ts'

/** What each end of a 95 % interval may miss. */
const TAIL = 0.025

/**
 * The exact 95 % interval of a quantile between two of the ascending values themselves: whatever they are distributed
 * like, as long as they are independent. Null where there are too few for one: a median needs 6, a 95th percentile 72,
 * a 99th 368. Source: David & Nagaraja, Order Statistics (2003), §7.1.
 */
export function quantileInterval(
  sorted: ArrayLike<number>,
  share: number,
): { readonly lower: number; readonly upper: number } | null {
  const below = belowOf(sorted.length, share)
  let lower = 0
  while (below(lower) <= TAIL) lower += 1
  let upper = lower
  while (upper < sorted.length && below(upper) < 1 - TAIL) upper += 1
  const ends = [sorted[lower - 1], sorted[upper]] as const
  return ends[0] === undefined || ends[1] === undefined ? null : { lower: ends[0], upper: ends[1] }
}

/** The chance that at most so many of `count` values lie below the quantile: a binomial distribution function. */
function belowOf(count: number, share: number): (most: number) => number {
  return (most) => (most >= count ? 1 : incompleteBeta(1 - share, count - most, most + 1))
}
