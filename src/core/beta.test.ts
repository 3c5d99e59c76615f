import { expect, test } from 'vitest'
import { betaQuantile, incompleteBeta } from './beta.ts'

test.each([
  [0.3, 2, 5, 0.579825],
  [0.5, 0.5, 0.5, 0.5],
  [0.9, 90, 11, 0.5831555122664921],
  [0.001, 0.1, 200, 0.8792913190008217],
  [0.905, 181_234, 18_767, 0.03729890467282981],
])('the incomplete beta function at %d of (%d, %d) equals scipy', (x, a, b, expected) => {
  // scipy.special.betainc(a, b, x), scipy 1.18
  expect(incompleteBeta(x, a, b)).toBeCloseTo(expected, 9)
})

test('it begins at 0 and ends at 1, and the quantile goes back', () => {
  expect([incompleteBeta(0, 2, 3), incompleteBeta(1, 2, 3)]).toEqual([0, 1])
  expect(betaQuantile(0.579825, 2, 5)).toBeCloseTo(0.3, 12)
})
