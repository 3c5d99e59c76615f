import {
  BIGINT,
  BOOLEAN,
  DOUBLE,
  DuckDBTimestampValue,
  HUGEINT,
  INTEGER,
  LIST,
  listValue,
  SQLNULL,
  TIMESTAMP,
  VARCHAR,
  type DuckDBType,
  type DuckDBValue,
  type JS,
} from '@duckdb/node-api'
import type { Cell, Parameter } from '../analytics.ts'

type Scalar = string | number | bigint | boolean | null

/** A parameter as DuckDB takes it, with the narrowest type that holds it. */
export interface TypedValue {
  readonly value: DuckDBValue
  readonly type: DuckDBType
}

export function toTypedValue(parameter: Parameter): TypedValue {
  if (parameter instanceof Date)
    return { value: new DuckDBTimestampValue(BigInt(parameter.getTime()) * 1000n), type: TIMESTAMP }
  if (isList(parameter)) {
    const type = listItemType(parameter)
    return { value: listValue(parameter.map((item) => toScalar(item, type))), type: LIST(type) }
  }
  const type = scalarType(parameter)
  return { value: toScalar(parameter, type), type }
}

function isList(parameter: Parameter): parameter is readonly Scalar[] {
  return Array.isArray(parameter)
}

function scalarType(value: Scalar): DuckDBType {
  if (value === null) return SQLNULL
  if (typeof value === 'string') return VARCHAR
  if (typeof value === 'boolean') return BOOLEAN
  if (typeof value === 'bigint') return BigInt.asIntN(64, value) === value ? BIGINT : HUGEINT
  if (!Number.isSafeInteger(value) || Object.is(value, -0)) return DOUBLE
  return value === (value | 0) ? INTEGER : BIGINT
}

/** One type for all: text, booleans, 64-bit integers, or doubles as soon as one number has a fraction. */
function listItemType(items: readonly Scalar[]): DuckDBType {
  const types = new Set(items.filter((item) => item !== null).map(scalarType))
  if (types.size === 0) return VARCHAR
  if (types.has(VARCHAR)) return VARCHAR
  if (types.has(DOUBLE)) return DOUBLE
  if (types.has(HUGEINT)) return HUGEINT
  return types.has(BOOLEAN) ? BOOLEAN : BIGINT
}

function toScalar(value: Scalar, type: DuckDBType): DuckDBValue {
  if (value === null) return null
  if (type === BIGINT || type === HUGEINT) return BigInt(value)
  if (type === DOUBLE) return Number(value)
  return type === VARCHAR ? String(value) : value
}

/** An answer without `Date`s, and without `bigint`s where a number says the same. */
export function toCell(value: JS): Cell {
  if (typeof value === 'bigint') return safeNumber(value)
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value
  if (value instanceof Date) return value.getTime()
  if (Array.isArray(value)) return value.map(toCell)
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, toCell(inner)]))
}

function safeNumber(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}
