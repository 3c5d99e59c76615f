import type { JsonValue } from '@gyre/sdk/wire/ref'
import { Json } from '@gyre/sdk/wire/ref'
import { GyreError } from '../core/errors.ts'

/** What a step gives is kept in the catalog and handed to every step that reads it, so it says little; files hold much. */
const MAX_RESULT_BYTES = 1_000_000
/** What is nested deeper was not meant to be written down. */
const MAX_DEPTH = 200

/**
 * What a step gave, as JSON. Throws STEP_FAILED naming the step and the place in the result: something that JSON has no
 * word for, an object that holds itself, more than a million bytes.
 */
export function resultOf(step: string, result: unknown): JsonValue {
  const wrong = firstWrong(result, 'result', [])
  if (wrong) throw failed(step, `${wrong.place}: expected JSON, got ${wrong.got}`, wrong.place)
  const bytes = Buffer.byteLength(JSON.stringify(result))
  if (bytes > MAX_RESULT_BYTES)
    throw failed(
      step,
      `result: expected at most ${MAX_RESULT_BYTES} bytes of JSON, got ${bytes}; keep it as a file, and give its digest`,
      'result',
    )
  return Json.parse(result)
}

interface Wrong {
  readonly place: string
  readonly got: string
}

function firstWrong(value: unknown, place: string, above: readonly object[]): Wrong | undefined {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return undefined
  if (typeof value === 'number')
    return Number.isFinite(value) ? undefined : { place, got: String(value) }
  if (typeof value !== 'object') return { place, got: nameOf(value) }
  if (above.includes(value)) return { place, got: 'an object that holds itself' }
  if (above.length === MAX_DEPTH) return { place, got: `more than ${MAX_DEPTH} objects in another` }
  if (!Array.isArray(value) && !isPlain(value))
    return { place, got: `a ${value.constructor?.name ?? 'special object'}` }
  for (const [key, inner] of membersOf(value)) {
    const at = Array.isArray(value) ? `${place}[${key}]` : `${place}.${key}`
    const wrong = firstWrong(inner, at, [...above, value])
    if (wrong) return wrong
  }
  return undefined
}

/** Not `Object.entries` of a list, which passes over holes. */
function membersOf(value: object): Iterable<readonly [string | number, unknown]> {
  return Array.isArray(value) ? Array.from<unknown>(value).entries() : Object.entries(value)
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

function nameOf(value: unknown): string {
  if (value === undefined) return 'nothing (undefined)'
  return typeof value === 'bigint' ? `a BigInt (${value}n)` : `a ${typeof value}`
}

function failed(step: string, message: string, field: string): GyreError {
  return new GyreError('STEP_FAILED', `step ${step}: ${message}`, { step, field })
}
