import type { CheckResult, ColumnContract, DatasetSpec } from '@gyre/sdk/wire/dataset'
import { GyreError } from '../core/errors.ts'
import { sqlName, sqlText } from '../store/analytics.ts'
import { readAs } from './column-type.ts'
import { sqlInstant } from './instant.ts'
import type { Source } from './source.ts'

/** One rule over one column, as SQL over the file's own columns. */
export interface Check {
  readonly column: string
  /** `type=int`, `max=1800`, `unique`: the member of the contract it comes from. */
  readonly check: string
  /** Share of the rows that must comply. */
  readonly mostly: number
  /** An aggregate: the number of rows that do not. */
  readonly unexpected: string
  /** Selects such rows, as a clause that may follow FROM. */
  readonly offenders: string
}

/**
 * Every check of a contract against a file; all of them are aggregates over one scan. Throws CONTRACT_BROKEN
 * when a column is missing, or its type in the file can never be the declared one.
 */
export function compileContract(spec: DatasetSpec, source: Source): readonly Check[] {
  return Object.entries(spec.columns).flatMap(([column, contract]) =>
    checksOf(spec.name, column, contract, source),
  )
}

/** `SELECT n, c0, c1, …`: the number of rows, then what each check counts. */
export function contractSql(checks: readonly Check[], source: Source): string {
  const counts = checks.map((check, i) => `${check.unexpected} AS c${i}`)
  return `SELECT ${['count(*) AS n', ...counts].join(', ')} FROM ${source.scan}`
}

/** What came of a check that counted `unexpected` offenders among `rows` rows. */
export function resultOf(check: Check, rows: number, unexpected: number): CheckResult {
  const { column, check: name, mostly } = check
  // Divided once: 55 of 100 are 0.55, where 0.55 · 100 is 55.00000000000001.
  const passed = rows === 0 || (rows - unexpected) / rows >= mostly
  return { column, check: name, rows, unexpected, mostly, passed }
}

function checksOf(
  dataset: string,
  column: string,
  contract: ColumnContract,
  source: Source,
): readonly Check[] {
  const physical = source.columns.find(({ name }) => name === column)?.type
  if (physical === undefined) throw missing(dataset, column, source)
  const x = sqlName(column)
  const reading = readAs(contract.type, physical, x)
  if (!reading) throw neverThatType(dataset, column, contract.type, physical)
  const rule = (check: string, broken: string): Check => ({
    column,
    check,
    mostly: contract.mostly ?? 1,
    unexpected: `count(*) FILTER (WHERE ${broken})`,
    offenders: `WHERE ${broken}`,
  })
  return [
    rule(`type=${contract.type}`, reading.bad),
    ...(contract.nullable ? [] : [rule('not null', `${x} IS NULL`)]),
    ...valueRules(contract, reading.value).map(({ check, broken }) => rule(check, broken)),
    ...(contract.unique ? [uniqueness(column, contract, reading.value)] : []),
  ]
}

interface ValueRule {
  readonly check: string
  readonly broken: string
}

function valueRules(contract: ColumnContract, value: string): readonly ValueRule[] {
  const bound = (n: number) => (contract.type === 'timestamp' ? sqlInstant(n) : `${n}`)
  const rules: ValueRule[] = []
  if (contract.min !== undefined)
    rules.push({ check: `min=${contract.min}`, broken: `${value} < ${bound(contract.min)}` })
  if (contract.max !== undefined)
    rules.push({ check: `max=${contract.max}`, broken: `${value} > ${bound(contract.max)}` })
  if (contract.pattern !== undefined)
    rules.push({
      check: `pattern=${contract.pattern}`,
      broken: `NOT regexp_matches(${value}, ${sqlText(contract.pattern)})`,
    })
  if (contract.oneOf !== undefined)
    rules.push({
      check: `one of ${contract.oneOf.join(', ')}`,
      broken: `NOT list_contains([${contract.oneOf.map(sqlText).join(', ')}]::VARCHAR[], ${value})`,
    })
  return rules
}

function uniqueness(column: string, contract: ColumnContract, value: string): Check {
  return {
    column,
    check: 'unique',
    mostly: contract.mostly ?? 1,
    unexpected: `count(${value}) - count(DISTINCT ${value})`,
    offenders: `WHERE ${sqlName(column)} IS NOT NULL QUALIFY count(*) OVER (PARTITION BY ${value}) > 1`,
  }
}

function missing(dataset: string, column: string, source: Source): GyreError {
  const has = source.columns.map(({ name }) => name)
  return new GyreError(
    'CONTRACT_BROKEN',
    `${dataset}: column ${column} is missing; the file has ${has.join(', ')}`,
    { column, check: 'present', has },
  )
}

function neverThatType(
  dataset: string,
  column: string,
  declared: string,
  physical: string,
): GyreError {
  return new GyreError(
    'CONTRACT_BROKEN',
    `${dataset}: column ${column} should be ${declared} but is ${physical} in the file`,
    { column, check: `type=${declared}`, got: physical },
  )
}
