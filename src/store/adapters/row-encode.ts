import { GyreError } from '../../core/errors.ts'

/**
 * Every line ends with this member: a line torn by a crash cannot have it, and DuckDB, told to ignore broken
 * lines, gives a row of NULLs for them. It is 1 in the last line of a batch, else 0.
 */
export const MARK = '_'

/** How a marked line ends, before its line feed. JSON escapes line feeds in text, so they stand at ends alone. */
export const ROW_END = `"${MARK}":0}`
export const BATCH_END = `"${MARK}":1}`

/** Turns one batch of rows into NDJSON. Throws INVALID_ARGUMENT naming the row, the column and what was expected. */
export type EncodeRows = (rows: readonly object[]) => Buffer

/** A cell as JSON text, or undefined when the column cannot hold it. */
type EncodeCell = (value: unknown) => string | undefined

export function createEncode(columns: Readonly<Record<string, string>>): EncodeRows {
  if (MARK in columns) throw new GyreError('INVALID_ARGUMENT', `columns: ${MARK} is taken`)
  const cells = new Map(
    Object.entries(columns).map(([name, type]) => [
      name,
      { type, key: `${JSON.stringify(name)}:`, encode: cellOf(type) },
    ]),
  )

  /** Text by hand: through an object and `JSON.stringify` a row costs three times as much. */
  function encodeRow(row: object, index: number, { length }: readonly object[]): string {
    let line = '{'
    for (const [name, value] of Object.entries<unknown>({ ...row })) {
      if (value === undefined || value === null) continue
      const cell = cells.get(name)
      if (!cell) throw refuse(index, name, `expected one of ${[...cells.keys()].join(', ')}`)
      const encoded = cell.encode(value)
      if (encoded === undefined)
        throw refuse(index, name, `expected ${cell.type}, got ${typeof value}`)
      line += `${cell.key}${encoded},`
    }
    return `${line}${index === length - 1 ? BATCH_END : ROW_END}\n`
  }

  return (rows) => Buffer.from(rows.map(encodeRow).join(''))
}

function cellOf(type: string): EncodeCell {
  if (type === 'FLOAT[]' || type === 'DOUBLE[]') return encodeNumbers
  if (type.endsWith('[]')) {
    const item = cellOf(type.slice(0, -2))
    return (value) => encodeList(value, item)
  }
  if (/^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER)$/.test(type)) return encodeInteger
  if (/^(DOUBLE|FLOAT|DECIMAL\(\d+, ?\d+\))$/.test(type)) return encodeNumber
  if (type === 'BOOLEAN') return (value) => (typeof value === 'boolean' ? String(value) : undefined)
  if (/^(TIMESTAMP(_S|_MS|_NS|TZ)?|DATE)$/.test(type)) return encodeTime
  if (type === 'VARCHAR') return (value) => (typeof value === 'string' ? textOf(value) : undefined)
  if (type === 'JSON') return textOf
  throw new GyreError('INVALID_ARGUMENT', `columns: unknown type ${type}`)
}

/** `JSON.stringify` escapes half a surrogate pair, and DuckDB would leave out the line: it is replaced by U+FFFD. */
function textOf(value: unknown): string | undefined {
  const text = JSON.stringify(value)
  if (!text?.includes('\\ud')) return text
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'string' ? inner.toWellFormed() : inner,
  )
}

function encodeInteger(value: unknown): string | undefined {
  if (typeof value === 'bigint') return `"${value}"`
  return Number.isInteger(value) ? String(value) : undefined
}

/** NaN and the infinities go as text, which DuckDB casts back. */
function encodeNumber(value: unknown): string | undefined {
  if (typeof value === 'bigint') return `"${value}"`
  if (typeof value !== 'number') return undefined
  return Number.isFinite(value) ? String(value) : `"${value}"`
}

function encodeTime(value: unknown): string | undefined {
  if (value instanceof Date)
    return Number.isNaN(value.getTime()) ? undefined : JSON.stringify(value)
  const isTime = typeof value === 'string' && /^\d{4}-\d\d-\d\d/.test(value)
  return isTime ? JSON.stringify(value) : undefined
}

function encodeList(value: unknown, item: EncodeCell): string | undefined {
  if (!Array.isArray(value)) return undefined
  const items = value.map((inner: unknown) => (inner === null ? 'null' : item(inner)))
  return items.includes(undefined) ? undefined : `[${items.join(',')}]`
}

/** At once where that says the same: by item, 128 numbers take 25 µs instead of 7. */
function encodeNumbers(value: unknown): string | undefined {
  if (Array.isArray(value) && value.every(isPlainNumber)) return JSON.stringify(value)
  return encodeList(value, encodeNumber)
}

function isPlainNumber(value: unknown): boolean {
  return value === null || (typeof value === 'number' && Number.isFinite(value))
}

function refuse(index: number, name: string, expected: string): GyreError {
  return new GyreError('INVALID_ARGUMENT', `row ${index}, ${name}: ${expected}`, { field: name })
}
