import { expect, test } from 'vitest'
import { seededRandom } from '../core/random.ts'
import { againstAtLeast, againstAtMostEqual, againstRate, logE } from './e-process.ts'

const counts = [
  { weight: 0.1, canary: 7, stable: 20 },
  { weight: 0.25, canary: 4, stable: 3 },
]

test('without failures nothing is said about a ratio', () => {
  expect(logE(againstAtMostEqual([]))).toBeCloseTo(0, 12)
  expect(logE(againstAtLeast([{ weight: 0.1, canary: 0, stable: 0 }], 1.5))).toBeCloseTo(0, 12)
})

test('the logarithms equal those of numpy', () => {
  // numpy 2.4, scipy 1.17; R = [1.25, 1.5, 2, 3, 5, 10], p = lambda r, w: r * w / (r * w + 1 - w):
  //   logsumexp([sum(k * log(p(r, w) / w) + s * log((1 - p(r, w)) / (1 - w)) for w, k, s in rows) for r in R]) - log(6)
  expect(logE(againstAtMostEqual(counts))).toBeCloseTo(3.322230893265544, 12)
  //   … p(1.5 / r, w) / p(1.5, w) and (1 - p(1.5 / r, w)) / (1 - p(1.5, w))
  expect(logE(againstAtLeast(counts, 1.5))).toBeCloseTo(-2.6678436204368685, 12)
  //   logsumexp([3 * log(1 / r) + 897 * log((1 - .01 / r) / .99) for r in R]) - log(6)
  expect(logE(againstRate(900, 3, 0.01))).toBeCloseTo(2.1235085308531407, 12)
})

test('counts cut in two say the same', () => {
  const cut = [
    { weight: 0.1, canary: 3, stable: 15 },
    { weight: 0.25, canary: 4, stable: 3 },
    { weight: 0.1, canary: 4, stable: 5 },
  ]
  expect(logE(againstAtMostEqual(cut))).toBeCloseTo(logE(againstAtMostEqual(counts)), 12)
})

test('thousands of failures do not overflow', () => {
  const log = logE(againstAtMostEqual([{ weight: 0.5, canary: 90_000, stable: 10_000 }]))
  expect(log).toBeGreaterThan(10_000)
  expect(Number.isFinite(log)).toBe(true)
})

/** Canary requests until ln E exceeds ln 20, looked at after every failure; undefined if never in 40,000. */
function firesAt(rates: { stable: number; canary: number }, seed: number): number | undefined {
  const random = seededRandom(seed)
  const count = { weight: 0.1, canary: 0, stable: 0 }
  let requests = 0
  for (let i = 1; i <= 40_000; i++) {
    const arm = random() < count.weight ? 'canary' : 'stable'
    if (arm === 'canary') requests++
    if (random() >= rates[arm]) continue
    count[arm]++
    if (logE(againstAtMostEqual([count])) > Math.log(20)) return requests
  }
  return undefined
}

function simulate(rates: { stable: number; canary: number }, runs: number) {
  const fired = Array.from({ length: runs }, (_, seed) => firesAt(rates, seed))
    .filter((requests) => requests !== undefined)
    .toSorted((a, b) => a - b)
  return { share: fired.length / runs, median: fired[Math.floor(fired.length / 2)] }
}

// An independent numpy simulation of 600 runs (10 % canary, 40,000 requests, a look at every one) gave false
// alarms of 0.038 and 0.015, and medians of 35 (1 % against 10 %) and 279 (1 % against 3 %) canary requests.
test('an equal canary is rolled back in fewer than 1 of 20 runs, however often one looks', () => {
  expect(simulate({ stable: 0.01, canary: 0.01 }, 300).share).toBeLessThanOrEqual(0.05)
  expect(simulate({ stable: 0.002, canary: 0.002 }, 300).share).toBeLessThanOrEqual(0.05)
})

test('a tenfold failure rate is found after some 35 canary requests, a threefold after some 280', () => {
  const tenfold = simulate({ stable: 0.01, canary: 0.1 }, 300)
  expect(tenfold.share).toBe(1)
  expect(Math.abs((tenfold.median ?? 0) - 35)).toBeLessThanOrEqual(7)
  const threefold = simulate({ stable: 0.01, canary: 0.03 }, 300)
  expect(threefold.share).toBe(1)
  expect(Math.abs((threefold.median ?? 0) - 279)).toBeLessThanOrEqual(60)
})
