import { posix } from 'node:path'
import { GyreError } from './errors.ts'

/** Letters and digits of any script, as Python's `\w` has them, and `_ - . space : /`; Python's `$` lets a line end follow. */
const KEY = /^[/\p{L}\p{N}_.\- :]*\n?$/u

/** Of MLflow 3.17's own validation, in characters. */
const MAX_KEY_CHARS = 250

/** Throws INVALID_ARGUMENT unless `key` may name a metric, a parameter or a tag. */
export function assertKey(key: string, field: string): void {
  if (key === '') throw missingError(field)
  if (!KEY.test(key))
    throw invalid(
      field,
      `expected letters, digits, _, -, ., space, : and / alone, got ${JSON.stringify(key)}`,
    )
  if (
    posix.normalize(key) !== key ||
    key.startsWith('/') ||
    key.startsWith('..') ||
    key === '.' ||
    key.endsWith('/')
  )
    throw invalid(
      field,
      `expected a name that means itself when it is read as a path, got ${JSON.stringify(key)}`,
    )
  assertLength(key, MAX_KEY_CHARS, field)
}

/** Throws INVALID_ARGUMENT past `limit` characters (code points, as Python counts them). */
export function assertLength(text: string, limit: number, field: string): void {
  if (text.length <= limit) return
  const length = Array.from(text).length
  if (length <= limit) return
  throw invalid(field, `exceeds the maximum length of ${limit} characters, has ${length}`)
}

/** The first `limit` characters: MLflow cuts a long value off rather than refuse it. */
export function cutOff(text: string, limit: number): string {
  return text.length <= limit ? text : Array.from(text).slice(0, limit).join('')
}

export function missingError(field: string): GyreError {
  return invalid(field, 'missing value for a required parameter')
}

function invalid(field: string, message: string): GyreError {
  return new GyreError('INVALID_ARGUMENT', `${field}: ${message}`, { field })
}
