import { ReleasePlan } from '@gyre/sdk/wire/release'
import { expect, test } from 'vitest'
import { seededRandom, type Random } from '../core/random.ts'
import { bucketOf, inCanary } from '../routes/split.ts'
import { banditReport, banditWeight, chanceOfBetter, type ArmRewards } from './bandit.ts'

const plan = ReleasePlan.parse({ kind: 'bandit' })

type Counts = readonly [successes: number, failures: number]

const rewards = (canary: Counts, stable: Counts): ArmRewards => {
  const arm = ([successes, failures]: Counts) => ({
    successes,
    failures,
    requests: successes + failures,
  })
  return { canary: arm(canary), stable: arm(stable) }
}

/** Beta(a, b) of whole a and b: the a-th smallest of a + b − 1 uniform numbers. */
function betaDraw(a: number, b: number, random: Random): number {
  return Float64Array.from({ length: a + b - 1 }, random).toSorted()[a - 1] ?? Number.NaN
}

test('nothing known is a half, and what is certain stays within floor and cap', () => {
  expect(chanceOfBetter(rewards([0, 0], [0, 0]))).toBeCloseTo(0.5, 4)
  expect(banditWeight(plan, rewards([0, 0], [0, 0]))).toBe(5000)
  expect(banditWeight(plan, rewards([900, 100], [100, 900]))).toBe(9500)
  expect(banditWeight(plan, rewards([100, 900], [900, 100]))).toBe(500)
  const narrow = { ...plan, capBp: 3000 }
  expect(banditWeight(narrow, rewards([900, 100], [100, 900]))).toBe(3000)
  expect(banditWeight({ ...plan, floorBp: 1000 }, rewards([900, 100], [0, 0]))).toBeLessThan(9001)
})

test('the chance is that of the closed form', () => {
  // P(Beta(1 + s, 1 + f) > Beta(1, 1)) is the mean of the first: (1 + s) / (2 + s + f).
  expect(chanceOfBetter(rewards([3, 1], [0, 0]))).toBeCloseTo(4 / 6, 4)
  expect(chanceOfBetter(rewards([0, 9], [0, 0]))).toBeCloseTo(1 / 11, 4)
  // By symmetry.
  const there = chanceOfBetter(rewards([7, 3], [4, 8]))
  expect(chanceOfBetter(rewards([4, 8], [7, 3]))).toBeCloseTo(1 - there, 4)
})

test('the recorded chance is that of the draw: as often as Thompson sampling within floor and cap', () => {
  const random = seededRandom(1)
  for (const counts of [
    rewards([4, 6], [3, 9]),
    rewards([2, 20], [5, 15]),
    rewards([9, 2], [1, 9]),
  ]) {
    const { canary, stable } = counts
    const draws = 20_000
    let canaries = 0
    for (let i = 0; i < draws; i++) {
      const [mine, other] = [canary, stable].map(({ successes, failures }) =>
        betaDraw(1 + successes, 1 + failures, random),
      )
      if ((mine ?? 0) > (other ?? 0)) canaries++
    }
    const weightBp = banditWeight(plan, counts)
    const thompson = Math.min(Math.max(canaries / draws, 0.05), 0.95)
    // 3.3 standard deviations of a share of 20,000.
    expect(Math.abs(weightBp / 10_000 - thompson)).toBeLessThan(0.012)
    const drawn = Array.from({ length: draws }, (_, i) =>
      inCanary(bucketOf('s', String(i)), weightBp),
    )
    const share = drawn.filter(Boolean).length / draws
    expect(Math.abs(share - weightBp / 10_000)).toBeLessThan(0.012)
  }
})

test('of arms with 5 and 10 % the better one has four fifths of the last traffic', () => {
  const rates = { canary: 0.1, stable: 0.05 }
  const shares = Array.from({ length: 20 }, (_, seed) => {
    const random = seededRandom(seed)
    const counts = { canary: [0, 0], stable: [0, 0] } as Record<
      'canary' | 'stable',
      [number, number]
    >
    let [weightBp, last] = [5000, 0]
    for (let i = 1; i <= 5_000; i++) {
      const arm = random() * 10_000 < weightBp ? 'canary' : 'stable'
      counts[arm][random() < rates[arm] ? 0 : 1]++
      if (i > 4_000 && arm === 'canary') last++
      if (i % 100 === 0) weightBp = banditWeight(plan, rewards(counts.canary, counts.stable))
    }
    return last / 1_000
  })
  expect(shares.filter((share) => share >= 0.8).length).toBeGreaterThanOrEqual(19)
})

test('the report has the share of labels beside that of requests', () => {
  const counts = rewards([3, 1], [2, 10])
  const report = banditReport(
    6000,
    { ...counts, canary: { ...counts.canary, requests: 28 } },
    {
      canary: 'model:delay@2',
      stable: 'model:delay@1',
    },
  )
  expect(report).toEqual({
    weightBp: 6000,
    arms: [
      {
        model: 'model:delay@1',
        successes: 2,
        failures: 10,
        mean: 3 / 14,
        allocation: 0.75,
        observed: 0.3,
      },
      {
        model: 'model:delay@2',
        successes: 3,
        failures: 1,
        mean: 4 / 6,
        allocation: 0.25,
        observed: 0.7,
      },
    ],
  })
})
