import { expect, test } from 'vitest'
import { crossFittedRates, learnRates } from './rates.ts'

const COLUMN = { categories: ['A', 'B'], index: Int32Array.of(0, 0, 0, 1, 1, -1, 0, 1, 0, 0) }
const LABELS = Uint8Array.of(1, 0, 1, 0, 0, 1, 1, 0, 1, 0)

test('no rows give no rate but zero, and a missing category counts towards the mean alone', () => {
  const none = { categories: ['A'], index: new Int32Array() }
  expect(learnRates(none, new Uint8Array(), 2)).toEqual({ default: 0, values: { A: 0 } })
  expect(learnRates(COLUMN, LABELS, 2).default).toBe(0.5)
})

test('a category’s rate is drawn to the mean as if it had that many more rows', () => {
  // A: 4 of 6, B: 0 of 3, all: 5 of 10.
  const { values } = learnRates(COLUMN, LABELS, 2)
  expect(values['A']).toBeCloseTo((4 + 2 * 0.5) / (6 + 2), 6)
  expect(values['B']).toBeCloseTo((0 + 2 * 0.5) / (3 + 2), 6)
})

test('a row’s cross-fitted rate is what the other folds say', () => {
  const rates = crossFittedRates(COLUMN, LABELS, 2)
  for (const row of LABELS.keys()) {
    const others = [...LABELS.keys()].filter((other) => other % 5 !== row % 5)
    const same = others.filter((other) => COLUMN.index[other] === COLUMN.index[row])
    const rate = (rows: readonly number[]) => rows.reduce((sum, at) => sum + (LABELS[at] ?? 0), 0)
    const mean = rate(others) / others.length
    const expected = COLUMN.index[row] === -1 ? mean : (rate(same) + 2 * mean) / (same.length + 2)
    expect(rates[row]).toBeCloseTo(expected, 6)
  }
})
