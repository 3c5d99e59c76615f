import { expect, test } from 'vitest'
import { legacyAction, legacyPsi } from './psi-legacy.ts'

const reference = Array.from({ length: 1000 }, (_, i) => ((i * 7919) % 1000) / 100)
const replaced = (rows: number, by: number) => reference.map((x, i) => (i < rows ? by : x))

test('a reference that numpy cannot bin is refused', () => {
  expect(() => legacyPsi([], [1])).toThrow('reference')
  expect(() => legacyPsi([1, Number.NaN], [1])).toThrow('NaN')
})

test('equals the numpy code, and hardly sees absurd or missing values', () => {
  // numpy 2.4, n = 1000, reference = (np.arange(n) * 7919 % n) / n * 10:
  //   e = np.percentile(reference, np.linspace(0, 100, 11))
  //   r, a = [np.clip(np.histogram(x, e)[0] / len(x), 1e-6, None) for x in (reference, actual)]
  //   np.sum((a - r) * np.log(a / r))
  const cases: [number[], number][] = [
    [reference.map((_, i) => Math.sqrt(i / 1000) * 10), 0.46119685411486366],
    [replaced(100, 100), 0.010606424908482988],
    [replaced(300, 100), 0.10707187607411642],
    [replaced(200, Number.NaN), 0.044741772824922664],
    [reference.map((x) => x + 0.5), 0.03465735902799726],
  ]
  for (const [actual, expected] of cases)
    expect(legacyPsi(reference, actual)).toBeCloseTo(expected, 11)
})

test('values that repeat across percentiles leave empty bins on both sides', () => {
  const tied = [...Array.from({ length: 60 }, () => 0), ...Array.from({ length: 40 }, (_, i) => i)]
  expect(legacyPsi(tied, tied)).toBe(0)
})

test('the marks themselves are still below the action', () => {
  expect([0.1, 0.1001, 0.2, 0.2001].map(legacyAction)).toEqual([
    'none',
    'monitor',
    'monitor',
    'retrain',
  ])
})
