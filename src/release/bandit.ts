import type { BanditReport, ReleasePlan } from '@gyre/sdk/wire/release'
import { incompleteBeta } from '../core/beta.ts'

/** Labels that came back for one arm within the horizon, and the requests that chance gave it. */
export interface Rewards {
  readonly requests: number
  readonly successes: number
  readonly failures: number
}

export interface ArmRewards {
  readonly canary: Rewards
  readonly stable: Rewards
}

/** Of the integral: by then its error is below the basis point that shares are counted in, in 2 ms. */
const CELLS = 400

/** Beyond so many standard deviations of the canary's rate nothing is left. */
const WIDTH = 10

/**
 * The chance that the canary's rate of successes is the higher one: with Beta(1 + successes, 1 + failures) for
 * either arm, the chance that Thompson sampling draws the canary. The midpoint rule over the canary's distribution.
 * Source: Thompson (1933), On the Likelihood that One Unknown Probability Exceeds Another.
 */
export function chanceOfBetter({ canary, stable }: ArmRewards): number {
  const [a, b] = [1 + canary.successes, 1 + canary.failures]
  const mean = a / (a + b)
  const deviation = Math.sqrt((mean * (1 - mean)) / (a + b + 1))
  const low = Math.max(0, mean - WIDTH * deviation)
  const step = (Math.min(1, mean + WIDTH * deviation) - low) / CELLS
  let sum = 0
  let below = incompleteBeta(low, a, b)
  for (let i = 0; i < CELLS; i++) {
    const next = incompleteBeta(low + (i + 1) * step, a, b)
    const rate = low + (i + 0.5) * step
    sum += (next - below) * incompleteBeta(rate, 1 + stable.successes, 1 + stable.failures)
    below = next
  }
  return sum
}

/**
 * The canary's share of the subjects, in basis points: its chance to be the better one, between the plan's floor and
 * cap. Drawing by this share is Thompson sampling; what is recorded with a prediction is the chance of that draw.
 */
export function banditWeight({ floorBp, capBp }: ReleasePlan, rewards: ArmRewards): number {
  const drawn = Math.round(chanceOfBetter(rewards) * 10_000)
  return Math.min(Math.max(drawn, floorBp), capBp, 10_000 - floorBp)
}

/** What a bandit has learned, the guide's allocation (an arm's share of all labels) beside the observed one. */
export function banditReport(
  weightBp: number,
  rewards: ArmRewards,
  models: { readonly canary: string; readonly stable: string },
): BanditReport {
  const total = (count: (arm: Rewards) => number) => count(rewards.canary) + count(rewards.stable)
  const labels = total(({ successes, failures }) => successes + failures)
  const requests = total((arm) => arm.requests)
  const arms = (['stable', 'canary'] as const).map((arm) => {
    const { successes, failures, requests: mine } = rewards[arm]
    return {
      model: models[arm],
      successes,
      failures,
      mean: (1 + successes) / (2 + successes + failures),
      allocation: labels === 0 ? null : (successes + failures) / labels,
      observed: requests === 0 ? null : mine / requests,
    }
  })
  return { weightBp, arms }
}
