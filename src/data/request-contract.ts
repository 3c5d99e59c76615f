import type { ColumnContract, Matches } from '@gyre/sdk/wire/dataset'

/** A request's value as the model pipeline sees it: timestamps as epoch ms, booleans as 0 and 1. */
export type FieldValue = number | string | null

interface FieldError {
  /** The field's name. */
  readonly path: string
  readonly message: string
}

/** `broken` says, field by field, why a request that was understood should be kept out of training. */
type ParsedRequest =
  | { readonly ok: true; readonly fields: FieldValue[]; readonly broken: string[] }
  | { readonly ok: false; readonly errors: readonly FieldError[] }

/** A field that must agree with a feature; see `checkMatch`. */
export interface MatchRule extends Matches {
  readonly field: string
  /** Where the field stands in `fields`. */
  readonly index: number
}

/** An endpoint's contract, ready for the hot path. */
export interface RequestContract {
  /** Names of the fields, in the order of `fields`. */
  readonly keys: readonly string[]
  readonly matches: readonly MatchRule[]
  /** Reads a body. A wrong type, a missing or an unknown field is an error; a broken bound is not. */
  parse(body: Readonly<Record<string, unknown>>): ParsedRequest
}

/**
 * Compiles once what is checked on every request. `mostly` and `unique` speak of many rows and mean nothing
 * here; a nullable field may be left out.
 */
export function compileRequest(input: Readonly<Record<string, ColumnContract>>): RequestContract {
  const readers = Object.entries(input).map(([name, contract]) => fieldReader(name, contract))
  const keys = readers.map((reader) => reader.name)
  const known = new Set(keys)
  const matches = Object.entries(input).flatMap(([field, contract], index) =>
    contract.matches ? [{ ...contract.matches, field, index }] : [],
  )
  return {
    keys,
    matches,
    parse(body) {
      const fields: FieldValue[] = []
      const broken: string[] = []
      const errors: FieldError[] = []
      for (const reader of readers) reader.read(body[reader.name], fields, broken, errors)
      for (const key in body)
        if (!known.has(key))
          errors.push({ path: key, message: `unknown field; expected ${keys.join(', ')}` })
      return errors.length > 0 ? { ok: false, errors } : { ok: true, fields, broken }
    },
  }
}

/**
 * Why a value disagrees with what is known of it, or undefined when it agrees to the relative distance
 * `within`, or one of the two is absent.
 */
export function checkMatch(
  rule: MatchRule,
  value: FieldValue | undefined,
  known: number | null,
): string | undefined {
  if (typeof value !== 'number' || known === null) return undefined
  if (Math.abs(value - known) <= rule.within * Math.abs(known)) return undefined
  return `${rule.field}: ${value} is not within ${rule.within * 100} % of ${rule.view}:${rule.feature} (${known})`
}

interface FieldReader {
  readonly name: string
  read(value: unknown, fields: FieldValue[], broken: string[], errors: FieldError[]): void
}

/** What a body's value is as a field; undefined when it is not of the type. */
type Convert = (value: unknown) => number | string | undefined

function fieldReader(name: string, contract: ColumnContract): FieldReader {
  const { convert, expected } = TYPES[contract.type]
  const rules = bounds(name, contract)
  return {
    name,
    read(value, fields, broken, errors) {
      if (value === undefined || value === null) {
        if (contract.nullable) fields.push(null)
        else errors.push({ path: name, message: `missing; expected ${expected}` })
        return
      }
      const field = convert(value)
      if (field === undefined) {
        errors.push({ path: name, message: `expected ${expected}, got ${shown(value)}` })
        return
      }
      fields.push(field)
      for (const rule of rules) {
        const reason = rule(field)
        if (reason !== undefined) broken.push(reason)
      }
    },
  }
}

const TYPES: Readonly<
  Record<ColumnContract['type'], { readonly convert: Convert; readonly expected: string }>
> = {
  timestamp: {
    convert: instantMs,
    expected: 'an ISO-8601 instant with its offset, like 2001-02-01T00:00:00Z',
  },
  int: {
    convert: (value) =>
      typeof value === 'number' && Number.isSafeInteger(value) ? value : undefined,
    expected: 'a whole number',
  },
  number: {
    convert: (value) => (typeof value === 'number' && Number.isFinite(value) ? value : undefined),
    expected: 'a number',
  },
  text: { convert: (value) => (typeof value === 'string' ? value : undefined), expected: 'a text' },
  boolean: {
    convert: (value) => (typeof value === 'boolean' ? Number(value) : undefined),
    expected: 'true or false',
  },
}

/** Without an offset, `Date.parse` would take the server's own time zone. */
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/

function instantMs(value: unknown): number | undefined {
  if (typeof value !== 'string' || !INSTANT.test(value)) return undefined
  const ms = Date.parse(value)
  return Number.isNaN(ms) ? undefined : ms
}

type Rule = (field: number | string) => string | undefined

function bounds(name: string, contract: ColumnContract): readonly Rule[] {
  const { min, max, pattern, oneOf } = contract
  const rules: Rule[] = []
  if (min !== undefined)
    rules.push((field) => (Number(field) < min ? `${name}: ${field} is below ${min}` : undefined))
  if (max !== undefined)
    rules.push((field) => (Number(field) > max ? `${name}: ${field} is above ${max}` : undefined))
  if (pattern !== undefined) {
    const expression = new RegExp(pattern, 'u')
    rules.push((field) =>
      expression.test(String(field))
        ? undefined
        : `${name}: ${shown(field)} is not like ${pattern}`,
    )
  }
  if (oneOf !== undefined) {
    const values = new Set(oneOf)
    rules.push((field) =>
      values.has(String(field))
        ? undefined
        : `${name}: ${shown(field)} is not one of ${oneOf.join(', ')}`,
    )
  }
  return rules
}

/** A value in a message, cut so that a hostile one does not fill the log. */
function shown(value: unknown): string {
  // JSON has no Infinity, which is what 1e999 is read as: it would print null.
  const text = typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? typeof value)
  return text.length > 40 ? `${text.slice(0, 40)}…` : text
}
