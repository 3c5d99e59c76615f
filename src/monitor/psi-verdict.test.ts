import { expect, test } from 'vitest'
import { numericBins } from '../core/histogram.ts'
import { seededRandom } from '../core/random.ts'
import { countInto } from '../core/tally.ts'
import { psi } from './psi.ts'
import { psiVerdict } from './psi-verdict.ts'

const plenty = { bins: 10, referenceRows: 100_000, currentRows: 5_000 }

test('under 500 rows on either side nothing is said', () => {
  expect(psiVerdict({ ...plenty, currentRows: 499, value: 0.9 })).toEqual({
    state: 'not_enough_data',
    value: null,
    rule: '499 rows; needs 500 on both sides',
  })
  expect(psiVerdict({ ...plenty, referenceRows: 499, value: 0.9 }).state).toBe('not_enough_data')
})

test('many bins need many rows: 229 values at 500 rows prove nothing', () => {
  const verdict = psiVerdict({ bins: 229, referenceRows: 1e6, currentRows: 500, value: 0.7 })
  expect(verdict.state).toBe('not_enough_data')
  expect(verdict.rule).toBe('229 bins give PSI 0.456 by chance; needs ≤ 0.02')
})

test('an index that could not be computed is not stable', () => {
  expect(psiVerdict({ ...plenty, value: null }).state).toBe('not_enough_data')
  expect(psiVerdict({ ...plenty, value: Number.NaN }).state).toBe('not_enough_data')
})

test('the marks are strict', () => {
  const states = [0, 0.1, 0.1001, 0.2, 0.2001].map(
    (value) => psiVerdict({ ...plenty, value }).state,
  )
  expect(states).toEqual(['stable', 'stable', 'watch', 'watch', 'act'])
})

test('where a verdict is given, 500 undrifted samples in a row are stable', () => {
  const random = seededRandom(7)
  const draw = (rows: number) => Float64Array.from({ length: rows }, random)
  const reference = draw(20_000)
  const bins = numericBins(reference)
  if (!bins) throw new Error('expected bins')
  const expected = countInto(bins, reference).counts
  for (let i = 0; i < 500; i++) {
    const value = psi(expected, countInto(bins, draw(500)).counts)
    const sizes = { bins: 10, referenceRows: 20_000, currentRows: 500 }
    expect(psiVerdict({ ...sizes, value }).state).toBe('stable')
  }
})
