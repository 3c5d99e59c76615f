import { expect, test } from 'vitest'
import { quantile, sortedFinite } from './quantile.ts'

test('of no values there is no quantile', () => {
  expect(quantile([], 0.5)).toBeNaN()
})

test('quantiles equal numpy on unsorted values with gaps', () => {
  const sorted = sortedFinite([15, 20, Number.NaN, 35, 40, Number.POSITIVE_INFINITY, 50, 1.5])
  // numpy 2.4: [np.quantile([15, 20, 35, 40, 50, 1.5], q) for q in (0, .05, .1, .3, .5, .77, 1)]
  const expected = [1.5, 4.875, 8.25, 17.5, 27.5, 39.25, 50]
  const found = [0, 0.05, 0.1, 0.3, 0.5, 0.77, 1].map((at) => quantile(sorted, at))
  found.forEach((value, i) => expect(value).toBeCloseTo(expected[i] ?? Number.NaN, 12))
})

test('between equal neighbours lies exactly their value', () => {
  expect(quantile([0.1, 0.1, 0.1], 0.3)).toBe(0.1)
})
