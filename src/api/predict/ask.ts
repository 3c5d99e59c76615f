import { GyreError } from '../../core/errors.ts'
import type { Ask } from '../../serve/request.ts'

const MAX_SUBJECT = 256

const MEMBERS = ['subject', 'at', 'input', 'features']

/**
 * A predict body as an ask. By hand, for the hot path: the shape is `PredictRequest` of the SDK, whose zod
 * twin costs more than the model. Throws INVALID_INPUT naming the field.
 */
export function readAsk(body: unknown): Ask {
  if (!isRecord(body)) throw invalid('body', 'expected a JSON object', body)
  for (const member in body)
    if (!MEMBERS.includes(member))
      throw invalid(member, `unknown member; expected ${MEMBERS.join(', ')}`)
  const { subject, at, input, features } = body
  if ((input === undefined) === (features === undefined))
    throw invalid('input', 'expected either input (fields by name) or features (a whole vector)')
  return {
    subject: readSubject(subject),
    at: readAt(at),
    input: readInput(input),
    features: readFeatures(features),
  }
}

function readSubject(subject: unknown): string | undefined {
  if (subject === undefined) return undefined
  if (typeof subject === 'number' && Number.isFinite(subject)) return String(subject)
  if (typeof subject === 'string' && subject.length > 0 && subject.length <= MAX_SUBJECT)
    return subject
  throw invalid('subject', `expected a number or a text of 1 to ${MAX_SUBJECT} characters`, subject)
}

function readAt(at: unknown): string | undefined {
  if (at === undefined || typeof at === 'string') return at
  throw invalid('at', 'expected an instant like 2001-02-01T00:00:00Z', at)
}

function readInput(input: unknown): Readonly<Record<string, unknown>> | undefined {
  if (input === undefined || isRecord(input)) return input
  throw invalid('input', 'expected an object of fields by name', input)
}

function readFeatures(features: unknown): readonly number[] | undefined {
  if (features === undefined) return undefined
  if (!Array.isArray(features)) throw invalid('features', 'expected an array of numbers', features)
  return features.map((value: unknown, i) => {
    // What a model sees is float32, of which JSON's 1e39 is none; 1e999 is read as Infinity.
    if (typeof value === 'number' && Number.isFinite(Math.fround(value))) return value
    throw invalid(`features.${i}`, 'expected a finite float32', value)
  })
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function invalid(field: string, expected: string, got?: unknown): GyreError {
  const suffix = got === undefined ? '' : `, got ${kindOf(got)}`
  return new GyreError('INVALID_INPUT', `${field}: ${expected}${suffix}`, { field })
}

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  return typeof value === 'number' ? String(value) : typeof value
}
