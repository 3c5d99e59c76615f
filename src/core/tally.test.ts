import { expect, test } from 'vitest'
import { categoryBins, numericBins } from './histogram.ts'
import { countInto } from './tally.ts'

const squares = Array.from({ length: 40 }, (_, i) => (i + 1) ** 2 / 7)
const deciles = numericBins(squares)
if (!deciles) throw new Error('expected bins')

test('nothing present has no share outside', () => {
  const empty = countInto(deciles, [Number.NaN, null, undefined])
  expect(empty).toMatchObject({ present: 0, missing: 3, outOfRange: null })
})

test('counts equal numpy with infinite outer edges', () => {
  // numpy 2.4: np.histogram(values, [-inf, *np.quantile(squares, np.linspace(0, 1, 11))[1:-1], inf])
  expect(countInto(deciles, squares).counts).toEqual([4, 4, 4, 4, 4, 4, 4, 4, 4, 4])
  const current = [-5, 0, 1, 10, 11, 56.7, 100, 230, 500, 1e9]
  const { counts, outOfRange } = countInto(deciles, Float64Array.from(current))
  expect(counts).toEqual([3, 2, 0, 0, 1, 0, 1, 0, 0, 3])
  expect(outOfRange).toBe(0.5) // -5 and 0 lie below 1/7; 230, 500 and 1e9 above 1600/7
})

test('a value on an edge belongs to the bin above it', () => {
  const bins = { kind: 'ranges', edges: [10, 20], min: 0, max: 30 } as const
  expect(countInto(bins, [9.999, 10, 19.999, 20]).counts).toEqual([1, 2, 1])
})

test('a number the reference never held falls into the last bin', () => {
  const bins = numericBins([0, 1, 3])
  if (!bins) throw new Error('expected bins')
  expect(countInto(bins, [0, 0, 1, 2, 3, 7, null])).toEqual({
    counts: [2, 1, 1, 2],
    present: 6,
    missing: 1,
    outOfRange: 1 / 6, // 2 is new but inside 0..3
  })
})

test('unseen categories are told from pooled ones only while none is pooled', () => {
  const counts = new Map([
    ['ORD', 2],
    ['ATL', 1],
  ])
  expect(countInto(categoryBins(counts), ['ORD', 'LAX', null, 'ATL']).outOfRange).toBe(1 / 3)
  const pooled = countInto(categoryBins(counts, 1), ['ORD', 'LAX', 'ATL'])
  expect(pooled).toMatchObject({ counts: [1, 2], outOfRange: null })
})
