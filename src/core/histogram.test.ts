import { expect, test } from 'vitest'
import { binCount, categoryBins, numericBins } from './histogram.ts'

/** i²/7 for i = 1..40: more than 20 distinct values, unevenly spread. */
const squares = Array.from({ length: 40 }, (_, i) => (i + 1) ** 2 / 7)

/** 0..n−1, three times each. */
const repeated = (n: number) => Array.from({ length: n * 3 }, (_, i) => i % n)

test('a reference without a finite value has no bins', () => {
  expect(numericBins([])).toBeUndefined()
  expect(numericBins([Number.NaN, Number.POSITIVE_INFINITY])).toBeUndefined()
})

test('edges are the inner deciles of numpy', () => {
  const bins = numericBins(squares)
  if (bins?.kind !== 'ranges') throw new Error('expected ranges')
  // numpy 2.4: np.quantile([i * i / 7 for i in range(1, 41)], np.linspace(0, 1, 11))[1:-1]
  const deciles = [
    3.4428571428571435, 11.085714285714287, 23.071428571428577, 39.400000000000006,
    60.07142857142857, 85.0857142857143, 114.44285714285718, 148.14285714285717, 186.1857142857143,
  ]
  bins.edges.forEach((edge, i) => expect(edge).toBeCloseTo(deciles[i] ?? Number.NaN, 10))
  expect(binCount(bins)).toBe(10)
  expect([bins.min, bins.max]).toEqual([1 / 7, 1600 / 7])
})

test('quantiles that coincide become one edge, and none at the minimum', () => {
  const half = [...Array.from({ length: 50 }, () => 0), ...Array.from({ length: 50 }, (_, i) => i)]
  const bins = numericBins(half, 4)
  // Quartiles of 51 zeros and 1..49: 0, 0, 24.25.
  expect(bins).toEqual({ kind: 'ranges', edges: [24.25], min: 0, max: 49 })
})

test('20 distinct numbers get a bin each, 21 get ranges', () => {
  expect(numericBins(repeated(20))?.kind).toBe('numbers')
  expect(numericBins(repeated(21))?.kind).toBe('ranges')
  expect(numericBins([3, 1, 3, 2])).toEqual({ kind: 'numbers', values: [1, 2, 3], min: 1, max: 3 })
})

test('the most frequent categories keep a bin, ties in order of name, the rest is pooled', () => {
  const counts = new Map([
    ['ORD', 5],
    ['ATL', 9],
    ['LAX', 5],
    ['MDW', 1],
  ])
  expect(categoryBins(counts, 2)).toEqual({
    kind: 'categories',
    values: ['ATL', 'LAX'],
    pooled: 2,
  })
  expect(binCount(categoryBins(counts, 2))).toBe(3)
})
