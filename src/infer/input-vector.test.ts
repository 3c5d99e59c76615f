import { expect, test } from 'vitest'
import { flightSpec } from './fixture.ts'
import { compileVector } from './input-vector.ts'
import type { FieldsRow } from './session.ts'
import type { Transform } from './transforms.ts'

function vectorOf(
  spec: ReturnType<typeof flightSpec>,
  row: FieldsRow,
  calendar: Transform,
): number[] {
  const vector = new Float32Array(spec.inputs.length)
  compileVector(spec, new Map([['calendar', calendar]]))(row, vector, 0)
  return [...vector]
}

test('what is missing is NaN for the model, null for user code and the default for a rate', () => {
  const seen: unknown[] = []
  const calendar: Transform = (fields) => {
    seen.push(fields)
    return { hour: Number.NaN }
  }
  const row: FieldsRow = { kind: 'fields', fields: [null, null], features: [null] }
  expect(vectorOf(flightSpec(), row, calendar)).toEqual([Number.NaN, 0.25, Number.NaN])
  expect(seen).toEqual([{ date: null, origin: null }])
})

test('user code says null for what is missing', () => {
  const row: FieldsRow = { kind: 'fields', fields: [0, 'ATL'], features: [0.5] }
  expect(vectorOf(flightSpec(), row, () => ({ hour: null }))[0]).toBeNaN()
})

test('a transform runs once a row, however many of its outputs are inputs', () => {
  let calls = 0
  const calendar: Transform = ({ date }) => {
    calls += 1
    return date instanceof Date ? { hour: date.getUTCHours(), weekday: date.getUTCDay() } : {}
  }
  const inputs = (['hour', 'weekday'] as const).map(
    (output) => ({ kind: 'transform', name: output, transform: 'calendar', output }) as const,
  )
  const row: FieldsRow = { kind: 'fields', fields: [Date.UTC(2001, 0, 1, 7), 'ATL'], features: [] }
  // 1 January 2001 was a Monday.
  expect(vectorOf(flightSpec({ inputs }), row, calendar)).toEqual([7, 1])
  expect(calls).toBe(1)
})

test('a category called like a property of every object has no rate of its own', () => {
  const row: FieldsRow = { kind: 'fields', fields: [0, 'constructor'], features: [0] }
  expect(vectorOf(flightSpec(), row, () => ({ hour: 1 }))[1]).toBe(0.25)
})

test('a number field is read as it is, and a text field cannot be one', () => {
  const inputs = [{ kind: 'field', name: 'distance', field: 'distance' }] as const
  const row: FieldsRow = { kind: 'fields', fields: [812.5], features: [] }
  const spec = flightSpec({ inputs: [...inputs], fields: { distance: 'number' } })
  expect(vectorOf(spec, row, () => ({}))).toEqual([812.5])
  const text = flightSpec({ inputs: [...inputs], fields: { distance: 'text' } })
  expect(() => vectorOf(text, row, () => ({}))).toThrow(/distance: expected a number/)
})
