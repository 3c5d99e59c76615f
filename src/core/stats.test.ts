import { expect, test } from 'vitest'
import { logMeanExp, logSumExp, mean, variance } from './stats.ts'

test('of too few values there is no mean and no variance', () => {
  expect(mean([])).toBeNaN()
  expect(variance([3])).toBeNaN()
  expect(logSumExp([])).toBe(Number.NEGATIVE_INFINITY)
})

test('mean and variance equal numpy, also far from zero', () => {
  // numpy 2.4: np.mean, np.var(x, ddof=1)
  expect(mean([2, 4, 4, 4, 5, 5, 7, 9])).toBe(5)
  expect(variance(Float64Array.of(2, 4, 4, 4, 5, 5, 7, 9))).toBeCloseTo(4.571428571428571, 14)
  expect(variance([1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16])).toBe(30)
})

test('log-sum-exp equals scipy where the naive form overflows or vanishes', () => {
  // scipy 1.17: scipy.special.logsumexp
  expect(logSumExp([0.1, 0.2, 0.3])).toBeCloseTo(1.301942848229244, 14)
  expect(logSumExp([1000, 1001, 1002])).toBeCloseTo(1002.4076059644444, 10)
  expect(logSumExp([-1000, -1001])).toBeCloseTo(-999.6867383124818, 10)
  expect(logSumExp([Number.NEGATIVE_INFINITY])).toBe(Number.NEGATIVE_INFINITY)
})

test('the log of a mixture of equal parts is the part', () => {
  expect(logMeanExp([-800, -800, -800])).toBeCloseTo(-800, 10)
})
