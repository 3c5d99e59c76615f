import { expect, test } from 'vitest'
import { numericBins } from '../core/histogram.ts'
import { countInto } from '../core/tally.ts'
import { psi } from './psi.ts'

test('histograms over different bins are refused', () => {
  expect(() => psi([1, 2], [1, 2, 3])).toThrow('expected 2 bins')
})

test('an empty side has no index', () => {
  expect(psi([0, 0], [5, 5])).toBeNull()
  expect(psi([5, 5], [0, 0])).toBeNull()
})

test('two equal shares give zero, a shifted one gives the worked example', () => {
  expect(psi([50, 50], [5, 5])).toBe(0)
  expect(psi([50, 50], [70, 30])).toBeCloseTo(0.16945957207744072, 12) // 0.2·ln 1.4 − 0.2·ln 0.6
})

test('an emptied bin counts as a share of 1e-6', () => {
  // numpy 2.4: p, q = np.clip(shares, 1e-6, None); np.sum((q - p) * np.log(q / p))
  expect(psi([10, 20, 30, 40], [12, 18, 0, 70])).toBeCloseTo(3.9570870923834103, 11)
  expect(psi([100, 100, 100], [90, 105, 0])).toBeCloseTo(4.379048158617587, 11)
})

test('open outer bins see what the closed ones lose', () => {
  const reference = Array.from({ length: 1000 }, (_, i) => ((i * 7919) % 1000) / 100)
  const bins = numericBins(reference)
  if (!bins) throw new Error('expected bins')
  const against = (current: number[]) =>
    psi(countInto(bins, reference).counts, countInto(bins, current).counts)
  const replaced = (rows: number, by: number) => reference.map((x, i) => (i < rows ? by : x))
  // numpy 2.4: the same PSI over edges [-inf, *np.percentile(reference, …)[1:-1], inf], present values only
  expect(against(replaced(100, 100))).toBeCloseTo(0.0686440238205688, 11)
  expect(against(replaced(300, 100))).toBeCloseTo(0.4467824191671058, 11)
  expect(against(replaced(200, Number.NaN))).toBeCloseTo(0.0001256024477138891, 11)
  expect(against(reference.map((x) => x + 0.5))).toBeCloseTo(0.05493061443340547, 11)
})
