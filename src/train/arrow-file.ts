import {
  Bool,
  Dictionary,
  Float64,
  Int32,
  Int64,
  makeData,
  makeVector,
  Table,
  TimestampMicrosecond,
  Utf8,
  vectorFromArray,
  tableToIPC,
  type Vector,
} from 'apache-arrow'
import type { Column, Columns, FloatColumn, IntColumn } from '../store/analytics.ts'

/**
 * Columns as a file of Arrow's IPC format. Texts are dictionaries; timestamps count microseconds, those with a zone in
 * UTC; whole numbers of 64 bits stay such; anything wider, and decimals, are doubles.
 */
export function arrowFile({ columns }: Columns): Uint8Array {
  const vectors = columns.map((column) => [column.name, vectorOf(column)] as const)
  return tableToIPC(new Table(Object.fromEntries(vectors)), 'file')
}

function vectorOf(column: Column): Vector {
  const nulls = column.valid && { nullBitmap: bitsOf(column.valid), nullCount: zeros(column.valid) }
  switch (column.kind) {
    case 'int':
      return intVector(column, nulls)
    case 'float':
      return floatVector(column, nulls)
    case 'text': {
      const { keys, index } = column.values
      const type = new Dictionary(new Utf8(), new Int32())
      const dictionary = vectorFromArray([...keys], new Utf8())
      return makeVector(makeData({ type, length: index.length, data: index, dictionary, ...nulls }))
    }
  }
}

type Nulls = { readonly nullBitmap: Uint8Array; readonly nullCount: number } | undefined

function intVector({ type, values: data }: IntColumn, nulls: Nulls): Vector {
  const { length } = data
  return type === 'BOOLEAN'
    ? makeVector(makeData({ type: new Bool(), length, data: bitsOf(data), ...nulls }))
    : makeVector(makeData({ type: new Int32(), length, data, ...nulls }))
}

function floatVector({ type, values }: FloatColumn, nulls: Nulls): Vector {
  const { length } = values
  if (type.startsWith('TIMESTAMP') || type === 'DATE') {
    const micros = BigInt64Array.from(values, (ms) => BigInt(Math.round(ms * 1_000)))
    const zone = type.includes('ZONE') ? 'UTC' : undefined
    return makeVector(
      makeData({ type: new TimestampMicrosecond(zone), length, data: micros, ...nulls }),
    )
  }
  if (type === 'BIGINT' || type === 'UINTEGER') {
    const data = BigInt64Array.from(values, BigInt)
    return makeVector(makeData({ type: new Int64(), length, data, ...nulls }))
  }
  return makeVector(makeData({ type: new Float64(), length, data: values, ...nulls }))
}

/** One bit for each value that is not 0, the first the lowest of its byte. */
function bitsOf(values: ArrayLike<number>): Uint8Array {
  const bits = new Uint8Array(Math.ceil(values.length / 8))
  for (let i = 0; i < values.length; i++)
    if (values[i] !== 0) bits[i >> 3] = (bits[i >> 3] ?? 0) | (1 << (i & 7))
  return bits
}

function zeros(valid: Uint8Array): number {
  return valid.reduce((count, bit) => count + Number(bit === 0), 0)
}
