import { rewriteOutsideStrings } from '../json-stretches.ts'
import type { Attribute } from './otlp.ts'

/** Of what MLflow's client names its own trace by, in every span that it sends. */
const CLIENT_KEY = 'mlflow.traceRequestId'

/** Each level is three messages of protobuf, and its readers end at a hundred. */
const MAX_DEPTH = 24

/**
 * Attributes in which a text that is a JSON list, object or string is what it says: exporters that have only texts
 * send MLflow's own attributes so, and MLflow reads any text so. The values of MLflow's client have their types
 * and stay as they are.
 */
export function decodeJsonTexts(attributes: readonly Attribute[]): readonly Attribute[] {
  const client = attributes.find(({ key }) => key === CLIENT_KEY)
  if (textIn(client)?.startsWith('tr-')) return attributes
  return attributes.map((attribute) => {
    const text = textIn(attribute)
    const value = text === undefined ? undefined : readJson(text)
    return value === undefined ? attribute : { ...attribute, value }
  })
}

/** The text of a JSON string; any other text as it is. */
export function unquoted(text: string): string {
  const value = text.startsWith('"') ? parsed(text) : undefined
  return typeof value === 'string' ? value : text
}

function textIn(attribute: Attribute | undefined): string | undefined {
  const value = attribute?.value
  if (typeof value !== 'object' || value === null || !('string_value' in value)) return undefined
  return typeof value.string_value === 'string' ? value.string_value : undefined
}

/** As a message AnyValue; undefined for what is no JSON list, object or string. */
function readJson(text: string): object | undefined {
  if (!/^\s*["[{]/.test(text) || parsed(text) === undefined) return undefined
  // The mark of a number could not be told from it.
  if (text.includes(String.raw`\u0000`)) return undefined
  return anyValue(JSON.parse(markNumbers(text)), 0)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const NUMBER = /-?\d[\d.eE+-]*/g

/** A number becomes a text of its digits behind NUL: no double holds all of them, and 1.0 is no 1. */
function markNumbers(json: string): string {
  return rewriteOutsideStrings(json, (part) =>
    part.replaceAll(NUMBER, (digits) => String.raw`"\u0000${digits}"`),
  )
}

/** Undefined where it nests deeper than can be read again. */
function anyValue(value: unknown, depth: number): object | undefined {
  if (value === null) return {}
  if (typeof value === 'boolean') return { bool_value: value }
  if (typeof value === 'string')
    return value.startsWith('\0') ? numberValue(value.slice(1)) : { string_value: value }
  if (typeof value !== 'object' || depth === MAX_DEPTH) return undefined
  if (Array.isArray(value)) {
    const values = value.map((inner: unknown) => anyValue(inner, depth + 1))
    return values.includes(undefined) ? undefined : { array_value: { values } }
  }
  const values = Object.entries(value).map(([key, inner]: [string, unknown]) => ({
    key,
    value: anyValue(inner, depth + 1),
  }))
  if (values.some((one) => one.value === undefined)) return undefined
  return { kvlist_value: { values } }
}

const [MIN, MAX] = [-(2n ** 63n), 2n ** 63n - 1n]

function numberValue(digits: string): object {
  const whole = /^-?\d+$/.test(digits) ? BigInt(digits) : undefined
  if (whole !== undefined && whole >= MIN && whole <= MAX) return { int_value: whole }
  const double = Number(digits)
  return { double_value: Number.isFinite(double) ? double : String(double) }
}
