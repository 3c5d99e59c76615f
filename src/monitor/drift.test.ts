import { expect, test } from 'vitest'
import { driftOf } from './drift.ts'
import { distanceOf, MODEL, referenceOf } from './fixture.ts'

const rows = Array.from({ length: 2000 }, (_, row) => row)
const reference = referenceOf(rows.map(distanceOf))
const drift = (values: number[], minRows = 500) =>
  driftOf(reference, Float64Array.from(values), minRows)

test('too few values give no number', () => {
  const few = drift(rows.slice(0, 499).map(distanceOf))
  expect(few).toMatchObject({ psi: null, state: 'not_enough_data', currentRows: 499 })
  expect(few).toMatchObject({ missingShare: null, outOfRangeShare: null })
  expect(drift(rows.map(distanceOf), 3000)).toMatchObject({
    psi: null,
    rule: '2000 rows; needs 3000',
  })
})

test('the same values do not drift, kilometres for miles do', () => {
  expect(drift(rows.map(distanceOf))).toMatchObject({ psi: 0, state: 'stable', outOfRangeShare: 0 })
  const kilometres = drift(rows.map((row) => distanceOf(row) * 1.609344))
  expect(kilometres.state).toBe('act')
  // Distances are 100..2099 in steps of 1: more than 2099/1.609344 = 1304.3 miles is out of range.
  expect(kilometres.outOfRangeShare).toBeCloseTo((2099 - 1304) / 2000, 12)
})

test('what is missing is a share of its own, not a bin', () => {
  const holes = drift(rows.map((row) => (row % 4 ? distanceOf(row) : Number.NaN)))
  expect(holes).toMatchObject({ state: 'stable', missingShare: 0.25, currentRows: 1500 })
})

test('a tie at an edge that a 32-bit float cannot hold stays in its bin', () => {
  const rates = rows.map((row) => (row % 10) / 10 + 0.01)
  const served = rates.map(Math.fround)
  expect(driftOf(referenceOf(rates), Float64Array.from(served), 500)).toMatchObject({ psi: 0 })
})

test('an input that no training row had cannot be compared', () => {
  const empty = { bins: null, counts: [], missing: 2000 }
  const found = driftOf(empty, Float64Array.from(rows), 500)
  expect(found).toMatchObject({ psi: null, state: 'not_enough_data', missingShare: 0 })
  expect(Object.keys(MODEL.reference.inputs)).toEqual(['hour', 'distance'])
})
