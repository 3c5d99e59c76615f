import { expect, test } from 'vitest'
import { seededRandom } from '../core/random.ts'
import { canaryRateUpper, rateRatioUpper } from './upper-bound.ts'

const LOG_20 = Math.log(20)

test('without requests a rate has no bound, without failures a ratio has none', () => {
  expect(canaryRateUpper({ requests: 0, failures: 0 }, LOG_20)).toBeNull()
  expect(rateRatioUpper([{ weight: 0.1, canary: 0, stable: 0 }], LOG_20)).toBeNull()
})

test('a canary that always fails is bounded by 1 alone', () => {
  expect(canaryRateUpper({ requests: 50, failures: 50 }, LOG_20)).toBe(1)
})

test('the bounds are the roots scipy finds', () => {
  // scipy 1.17: brentq(lambda m: below([(.1, 5, 200)], m) - log(20), .01, 100), `below` as in e-process.test.ts
  expect(rateRatioUpper([{ weight: 0.1, canary: 5, stable: 200 }], LOG_20)).toBeCloseTo(
    0.6400196949566634,
    8,
  )
  // brentq(lambda c: under(900, 3, c) - log(20), 1e-6, .5); likewise under(500, 0, c)
  const rate = (requests: number, failures: number) =>
    canaryRateUpper({ requests, failures }, LOG_20)
  expect(rate(900, 3)).toBeCloseTo(0.0115257831399078, 10)
  expect(rate(500, 0)).toBeCloseTo(0.008736929853588997, 10)
})

/** Whether the bounds ever fall below the truth in 8000 requests, looked at every 100. */
function everWrong(seed: number): { rate: boolean; ratio: boolean } {
  const random = seededRandom(seed)
  const truth = { stable: 0.02, canary: 0.03 }
  const count = { weight: 0.3, canary: 0, stable: 0 }
  const wrong = { rate: false, ratio: false }
  let requests = 0
  for (let i = 1; i <= 8000; i++) {
    const isCanary = random() < count.weight
    if (isCanary) requests++
    if (random() < (isCanary ? truth.canary : truth.stable)) count[isCanary ? 'canary' : 'stable']++
    if (i % 100 !== 0) continue
    const rate = canaryRateUpper({ requests, failures: count.canary }, LOG_20)
    const ratio = rateRatioUpper([count], LOG_20)
    wrong.rate ||= rate !== null && rate < truth.canary
    wrong.ratio ||= ratio !== null && ratio < truth.canary / truth.stable
  }
  return wrong
}

test('looked at 80 times, the bounds still hold in 19 of 20 runs', () => {
  const runs = Array.from({ length: 200 }, (_, seed) => everWrong(seed))
  expect(runs.filter(({ rate }) => rate).length).toBeLessThanOrEqual(10)
  expect(runs.filter(({ ratio }) => ratio).length).toBeLessThanOrEqual(10)
})
