import { logMeanExp } from '../core/stats.ts'

/** The rate ratios bet on, equally: a doubled rate shows soon, a slightly raised one in the end. */
export const RATIOS = [1.25, 1.5, 2, 3, 5, 10] as const

/** Failures that came while the canary had the share `weight` (0..1, exclusive) of the requests. */
export interface FailureCount {
  readonly weight: number
  readonly canary: number
  readonly stable: number
}

/**
 * Log wealth of bets against a null, one for each of `RATIOS`. Their mean is an e-process E: under the null
 * it ever exceeds 1/α with probability at most α, at whatever moments one looks (Ville's inequality).
 * Source: Ramdas, Grünwald, Vovk, Shafer, Game-Theoretic Statistics and Safe Anytime-Valid Inference (2023).
 */
export type Bets = readonly number[]

/** ln E. */
export function logE(bets: Bets): number {
  return logMeanExp(bets)
}

/**
 * Bets against "the canary fails at most as often as stable". Given a failure, it is the canary's with
 * p = ρw/(ρw + 1 − w), ρ the ratio of the failure rates, so a failure multiplies a bet by p/w, or by
 * (1 − p)/(1 − w) when it was stable's.
 */
export function againstAtMostEqual(counts: readonly FailureCount[]): Bets {
  return RATIOS.map((ratio) => logLikelihoodRatio(counts, ratio, 1))
}

/** Bets against "the canary fails at least `margin` times as often as stable"; they rise with `margin`. */
export function againstAtLeast(counts: readonly FailureCount[], margin: number): Bets {
  return RATIOS.map((ratio) => logLikelihoodRatio(counts, margin / ratio, margin))
}

/**
 * Bets against "the canary's own failure rate is at least `ceiling`" (0..1, exclusive), each on the rate
 * ceiling / ρ; they rise with `ceiling`. Six bets need as many requests as a beta mixture, and no integral.
 * Source of betting on a rate: Waudby-Smith & Ramdas, Estimating Means of Bounded Random Variables by
 * Betting (2024); of the mixture: Howard, Ramdas, McAuliffe, Sekhon (2021).
 */
export function againstRate(requests: number, failures: number, ceiling: number): Bets {
  return RATIOS.map((ratio) => {
    const perSuccess = Math.log1p(-ceiling / ratio) - Math.log1p(-ceiling)
    return (requests - failures) * perSuccess - failures * Math.log(ratio)
  })
}

function logLikelihoodRatio(
  counts: readonly FailureCount[],
  ratio: number,
  assumed: number,
): number {
  return counts.reduce((sum, { weight, canary, stable }) => {
    const [bet, fair] = [canaryShare(ratio, weight), canaryShare(assumed, weight)]
    return sum + canary * Math.log(bet / fair) + stable * Math.log((1 - bet) / (1 - fair))
  }, 0)
}

/** The chance that a failure is the canary's when it fails `ratio` times as often as stable. */
function canaryShare(ratio: number, weight: number): number {
  return (ratio * weight) / (ratio * weight + 1 - weight)
}
