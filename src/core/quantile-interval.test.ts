import { expect, test } from 'vitest'
import { quantileInterval } from './quantile-interval.ts'

/** 1, 2, …: a value is its rank. */
const ranks = (count: number) => Array.from({ length: count }, (_, i) => i + 1)

test.each([
  [0, 0.5],
  [5, 0.5],
  [71, 0.95],
  [200, 0.99],
  [367, 0.99],
])('%d values are too few for an interval of the quantile %d', (count, share) => {
  expect(quantileInterval(ranks(count), share)).toBeNull()
})

// The ranks l and u with scipy.stats.binom.cdf(l - 1, n, p) <= 0.025 and cdf(u - 1, n, p) >= 0.975, 1.17
test.each([
  [6, 0.5, 1, 6],
  [40, 0.5, 14, 27],
  [200, 0.5, 86, 115],
  [72, 0.95, 64, 72],
  [200, 0.95, 184, 197],
  [400, 0.95, 371, 389],
  [368, 0.99, 360, 368],
  [400, 0.99, 392, 400],
])(
  'of %d values the quantile %d lies between those of ranks %d and %d',
  (count, share, lower, upper) => {
    expect(quantileInterval(ranks(count), share)).toEqual({ lower, upper })
  },
)
