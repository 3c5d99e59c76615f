import type { ColumnContract } from '@gyre/sdk/wire/dataset'

/** SQL that reads one column as its declared type: `value`, NULL where it cannot, and `bad`, true there. */
export interface Reading {
  readonly value: string
  readonly bad: string
}

const INTEGERS = /^U?(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)$/
const FRACTIONS = /^(FLOAT|DOUBLE|DECIMAL\(.*\))$/
const TEXTS = /^(VARCHAR|UUID|ENUM\(.*\))$/
const TIMESTAMPS = /^(DATE|TIMESTAMP|TIMESTAMP_(S|MS|NS))$/

/** How to read SQL expression `x` of DuckDB type `physical` as `declared`; undefined when the types never meet. */
export function readAs(
  declared: ColumnContract['type'],
  physical: string,
  x: string,
): Reading | undefined {
  switch (declared) {
    case 'int':
      return asInt(physical, x)
    case 'number':
      return asNumber(physical, x)
    case 'text':
      return TEXTS.test(physical) ? { value: `CAST(${x} AS VARCHAR)`, bad: 'false' } : undefined
    case 'boolean':
      return asBoolean(physical, x)
    case 'timestamp':
      return asTimestamp(physical, x)
  }
}

function asInt(physical: string, x: string): Reading | undefined {
  const value = `TRY_CAST(${x} AS BIGINT)`
  if (INTEGERS.test(physical)) return { value, bad: lost(x, value) }
  // A cast rounds 1.5 to 2, from text too.
  if (FRACTIONS.test(physical)) return { value, bad: `${lost(x, value)} OR ${x} <> trunc(${x})` }
  if (physical !== 'VARCHAR') return undefined
  const whole = `CASE WHEN regexp_full_match(trim(${x}), '[+-]?[0-9]+') THEN ${value} END`
  return { value: whole, bad: lost(x, whole) }
}

function asNumber(physical: string, x: string): Reading | undefined {
  if (!INTEGERS.test(physical) && !FRACTIONS.test(physical) && physical !== 'VARCHAR')
    return undefined
  const cast = `TRY_CAST(${x} AS DOUBLE)`
  const value = `CASE WHEN isfinite(${cast}) THEN ${cast} END`
  return { value, bad: lost(x, value) }
}

function asBoolean(physical: string, x: string): Reading | undefined {
  if (physical === 'BOOLEAN') return { value: x, bad: 'false' }
  if (INTEGERS.test(physical))
    return { value: `CASE WHEN ${x} IN (0, 1) THEN ${x} = 1 END`, bad: `${x} NOT IN (0, 1)` }
  if (physical !== 'VARCHAR') return undefined
  const value = `TRY_CAST(${x} AS BOOLEAN)`
  return { value, bad: lost(x, value) }
}

function asTimestamp(physical: string, x: string): Reading | undefined {
  const value = `TRY_CAST(${x} AS TIMESTAMP)`
  if (TIMESTAMPS.test(physical)) return { value, bad: lost(x, value) }
  if (physical === 'TIMESTAMP WITH TIME ZONE')
    return { value: `(${x} AT TIME ZONE 'UTC')`, bad: 'false' }
  if (physical !== 'VARCHAR') return undefined
  // A plain cast to TIMESTAMP drops an offset without a word.
  const zoned = `TRY_CAST(${x} AS TIMESTAMPTZ) AT TIME ZONE 'UTC'`
  const either = `CASE WHEN regexp_matches(${x}, '\\d([Zz]|[+-]\\d\\d(:?\\d\\d)?)\\s*$') AND ${x} LIKE '%:%' THEN ${zoned} ELSE ${value} END`
  return { value: either, bad: lost(x, either) }
}

function lost(x: string, value: string): string {
  return `(${x} IS NOT NULL AND (${value}) IS NULL)`
}
