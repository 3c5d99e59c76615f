import { againstAtLeast, againstRate, logE, type FailureCount } from './e-process.ts'

/** Beyond a thousandfold failure rate no bound is worth a number. */
const RATIO_RANGE = { low: 1e-3, high: 1e3 }
const RATE_RANGE = { low: 1e-9, high: 1 - 1e-9 }

/**
 * Always-valid upper bound of canary failure rate / stable failure rate: the smallest ratio the evidence
 * refutes at `logThreshold` = ln 1/α. Null while none below 1000 is refuted, as without any failure.
 */
export function rateRatioUpper(
  counts: readonly FailureCount[],
  logThreshold: number,
): number | null {
  const refutes = (ratio: number) => logE(againstAtLeast(counts, ratio)) >= logThreshold
  return smallest(refutes, RATIO_RANGE)
}

/** Always-valid upper bound of the canary's own failure rate, 0..1; null without requests. */
export function canaryRateUpper(
  { requests, failures }: { readonly requests: number; readonly failures: number },
  logThreshold: number,
): number | null {
  if (requests === 0) return null
  const refutes = (rate: number) => logE(againstRate(requests, failures, rate)) >= logThreshold
  return smallest(refutes, RATE_RANGE) ?? 1
}

/** Where a rising test first holds, to nine digits, by bisection of the logarithm; null if it never does. */
function smallest(
  holds: (at: number) => boolean,
  { low, high }: { readonly low: number; readonly high: number },
): number | null {
  if (!holds(high)) return null
  let [fails, works] = [low, high]
  while (works / fails > 1 + 1e-9) {
    const middle = Math.sqrt(fails * works)
    if (holds(middle)) works = middle
    else fails = middle
  }
  return works
}
