import type { RowSet } from '@gyre/sdk/wire/pipeline'
import { expect, test } from 'vitest'
import { digestOf } from '../core/digest.ts'
import type { Columns } from '../store/analytics.ts'
import { frameOf, type TransformCode } from './frame.ts'

/** Two flights: one from ATL at 07:30 on 1 January 2001, one from nowhere, at no known time. */
const COLUMNS: Columns = {
  rowCount: 2,
  columns: [
    float('at', 'TIMESTAMP', [Date.UTC(2001, 0, 1, 7, 30), Date.UTC(2001, 0, 2)]),
    float('date', 'TIMESTAMP', [Date.UTC(2001, 0, 1, 7, 30), 0], [1, 0]),
    float('label', 'INTEGER', [1, 0]),
    float('net:late', 'DOUBLE', [0.25, 0], [1, 0]),
    {
      name: 'origin',
      type: 'VARCHAR',
      kind: 'text',
      values: { keys: ['ATL'], index: Int32Array.of(0, 0) },
      valid: Uint8Array.of(1, 0),
    },
  ],
}

function float(name: string, type: string, values: readonly number[], valid?: readonly number[]) {
  const column = { name, type, kind: 'float', values: Float64Array.from(values) } as const
  return valid ? { ...column, valid: Uint8Array.from(valid) } : column
}

const SET: RowSet = {
  digest: digestOf('rows'),
  rows: 2,
  from: '2001-01-01T00:00:00.000Z',
  until: '2001-02-01T00:00:00.000Z',
  label: 'label',
  at: 'at',
  subject: 'subject',
  inputs: [{ kind: 'transform', name: 'hour', transform: 'calendar', output: 'hour' }],
}

function calendar(apply: TransformCode['apply']): ReadonlyMap<string, TransformCode> {
  return new Map([['calendar', { from: ['date', 'origin'], gives: ['hour'], apply }]])
}

test('a transform that does not give what it declares stops the step, naming the row', () => {
  for (const hour of [undefined, '7', new Date(0)])
    expect(() =>
      frameOf(
        SET,
        COLUMNS,
        calendar(() => ({ hour })),
      ),
    ).toThrow(/transform calendar: hour of row 0: expected a number or null, got/)
  expect(() => frameOf(SET, COLUMNS, new Map())).toThrow(/calendar is not in the project/)
})

test('a column that is not there is named', () => {
  const inputs: RowSet['inputs'] = [{ kind: 'field', name: 'miles', field: 'miles' }]
  expect(() => frameOf({ ...SET, inputs }, COLUMNS, new Map())).toThrow(/miles/)
})

test('user code sees dates, texts and null for what is missing, and says null for the same', () => {
  const seen: unknown[] = []
  const { inputs, label } = frameOf(
    SET,
    COLUMNS,
    calendar((fields) => {
      seen.push(fields)
      return { hour: fields['date'] instanceof Date ? fields['date'].getUTCHours() : null }
    }),
  )
  expect(seen).toEqual([
    { date: new Date('2001-01-01T07:30:00Z'), origin: 'ATL' },
    { date: null, origin: null },
  ])
  expect(inputs).toEqual([{ kind: 'number', name: 'hour', values: Float32Array.of(7, Number.NaN) }])
  expect([...label]).toEqual([1, 0])
})

test('a missing feature is NaN, a missing category is no category', () => {
  const inputs: RowSet['inputs'] = [
    { kind: 'feature', name: 'net__late', view: 'net', feature: 'late' },
    { kind: 'rate', name: 'origin_rate', field: 'origin', prior: 20 },
  ]
  const frame = frameOf({ ...SET, inputs }, COLUMNS, new Map())
  expect(frame.inputs).toMatchObject([
    { kind: 'number', values: Float32Array.of(0.25, Number.NaN) },
    { kind: 'category', categories: ['ATL'], index: Int32Array.of(0, -1), prior: 20 },
  ])
})
