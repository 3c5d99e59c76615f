import type { Frame, FrameInput } from '@gyre/sdk'
import { expect, test } from 'vitest'
import { digestOf } from '../core/digest.ts'
import type { Columns } from '../store/analytics.ts'
import { slicesBy } from './slices.ts'

const COLUMNS: Columns = {
  rowCount: 4,
  columns: [
    {
      name: 'origin',
      type: 'VARCHAR',
      kind: 'text',
      values: { keys: ['ATL', 'missing'], index: Int32Array.of(0, 1, 0, 0) },
      valid: Uint8Array.of(1, 1, 1, 0),
    },
    { name: 'late', type: 'BOOLEAN', kind: 'int', values: Int32Array.of(1, 0, 0, 1) },
    {
      name: 'stops',
      type: 'INTEGER',
      kind: 'int',
      values: Int32Array.of(0, 2, 0, 0),
      valid: Uint8Array.of(1, 1, 0, 1),
    },
  ],
}

const hour: FrameInput = {
  kind: 'number',
  name: 'hour',
  values: Float32Array.of(7, 7, Number.NaN, 23),
}
const carrier: FrameInput = {
  kind: 'category',
  name: 'carrier_rate',
  prior: 20,
  categories: ['AA', 'DL'],
  index: Int32Array.of(1, 0, 1, -1),
}

const FRAME: Frame = {
  set: {
    digest: digestOf('rows'),
    rows: 4,
    from: '2001-01-01T00:00:00.000Z',
    until: '2001-02-01T00:00:00.000Z',
    label: 'label',
    at: 'at',
    subject: 'subject',
    inputs: [],
  },
  rows: 4,
  label: new Uint8Array(4),
  at: new Float64Array(4),
  inputs: [hour, carrier],
}

const cut = (by: string) => Object.fromEntries(slicesBy(by, COLUMNS, FRAME))

test('neither a column nor an input is refused, and what there is is named', () => {
  expect(() => cut('seat')).toThrow(
    'by: the rows have no column seat; there are origin, late, stops, hour, carrier_rate',
  )
})

test('each value of a column is a slice, and so are the rows without one', () => {
  expect(cut('stops')).toEqual({ 0: [0, 3], 2: [1], missing: [2] })
  expect(cut('late')).toEqual({ true: [0, 3], false: [1, 2] })
  expect(cut('origin')).toEqual({ ATL: [0, 2], missing: [1, 3] })
})

test('an input of the model is cut like a column', () => {
  expect(cut('hour')).toEqual({ 7: [0, 1], missing: [2], 23: [3] })
  expect(cut('carrier_rate')).toEqual({ DL: [0, 2], AA: [1], missing: [3] })
})
