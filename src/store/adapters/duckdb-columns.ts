import {
  DuckDBDateValue,
  DuckDBDecimalValue,
  DuckDBTimestampMillisecondsValue,
  DuckDBTimestampNanosecondsValue,
  DuckDBTimestampSecondsValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBTypeId,
  type DuckDBDataChunk,
  type DuckDBResult,
  type DuckDBType,
  type DuckDBValue,
  type DuckDBVector,
} from '@duckdb/node-api'
import type { Column, Columns } from '../analytics.ts'

const INT_TYPES: ReadonlySet<DuckDBTypeId> = new Set([
  DuckDBTypeId.BOOLEAN,
  DuckDBTypeId.TINYINT,
  DuckDBTypeId.SMALLINT,
  DuckDBTypeId.INTEGER,
  DuckDBTypeId.UTINYINT,
  DuckDBTypeId.USMALLINT,
])

const FLOAT_TYPES: ReadonlySet<DuckDBTypeId> = new Set([
  DuckDBTypeId.UINTEGER,
  DuckDBTypeId.BIGINT,
  DuckDBTypeId.UBIGINT,
  DuckDBTypeId.HUGEINT,
  DuckDBTypeId.UHUGEINT,
  DuckDBTypeId.FLOAT,
  DuckDBTypeId.DOUBLE,
  DuckDBTypeId.DECIMAL,
  DuckDBTypeId.DATE,
  DuckDBTypeId.TIMESTAMP,
  DuckDBTypeId.TIMESTAMP_S,
  DuckDBTypeId.TIMESTAMP_MS,
  DuckDBTypeId.TIMESTAMP_NS,
  DuckDBTypeId.TIMESTAMP_TZ,
])

const DAY_MS = 86_400_000

/** Copies DuckDB's chunks (2,048 rows each) into one array a column, whatever the number of rows. */
export function toColumns(result: DuckDBResult, chunks: readonly DuckDBDataChunk[]): Columns {
  const rowCount = chunks.reduce((sum, chunk) => sum + chunk.rowCount, 0)
  const columns = result.deduplicatedColumnNames().map((name, index) => {
    const vectors = chunks.map((chunk) => chunk.getColumnVector(index))
    return toColumn(name, result.columnType(index), vectors, rowCount)
  })
  return { rowCount, columns }
}

function toColumn(
  name: string,
  type: DuckDBType,
  vectors: readonly DuckDBVector[],
  rowCount: number,
): Column {
  const head = { name, type: String(type) }
  if (INT_TYPES.has(type.typeId)) {
    const values = new Int32Array(rowCount)
    const valid = fill(vectors, rowCount, (row, value) => (values[row] = Number(value)))
    return { kind: 'int', ...head, values, ...valid }
  }
  if (FLOAT_TYPES.has(type.typeId)) {
    const values = new Float64Array(rowCount)
    const valid = fill(vectors, rowCount, (row, value) => (values[row] = toDouble(value)))
    return { kind: 'float', ...head, values, ...valid }
  }
  const index = new Int32Array(rowCount)
  const numbers = new Map<string, number>()
  const valid = fill(vectors, rowCount, (row, value) => {
    index[row] = numberOf(numbers, typeof value === 'string' ? value : String(value))
  })
  return { kind: 'text', ...head, values: { keys: [...numbers.keys()], index }, ...valid }
}

/** Hands every present value to `put`; gives the validity bytes if a NULL was met. */
function fill(
  vectors: readonly DuckDBVector[],
  rowCount: number,
  put: (row: number, value: DuckDBValue) => void,
): { valid?: Uint8Array } {
  let valid: Uint8Array | undefined
  let row = 0
  for (const vector of vectors)
    for (let item = 0; item < vector.itemCount; item++, row++) {
      const value = vector.getItem(item)
      if (value !== null) {
        put(row, value)
        continue
      }
      valid ??= new Uint8Array(rowCount).fill(1)
      valid[row] = 0
    }
  return valid ? { valid } : {}
}

/** Numbers as they are, decimals scaled, times as epoch milliseconds with their fraction. */
function toDouble(value: DuckDBValue): number {
  if (typeof value === 'number') return value
  if (value instanceof DuckDBTimestampValue || value instanceof DuckDBTimestampTZValue)
    return Number(value.micros) / 1_000
  if (value instanceof DuckDBTimestampMillisecondsValue) return Number(value.millis)
  if (value instanceof DuckDBTimestampSecondsValue) return Number(value.seconds) * 1_000
  if (value instanceof DuckDBTimestampNanosecondsValue) return Number(value.nanos) / 1_000_000
  if (value instanceof DuckDBDateValue) return value.days * DAY_MS
  if (value instanceof DuckDBDecimalValue) return value.toDouble()
  return Number(value)
}

function numberOf(numbers: Map<string, number>, key: string): number {
  const known = numbers.get(key)
  if (known !== undefined) return known
  const fresh = numbers.size
  numbers.set(key, fresh)
  return fresh
}
