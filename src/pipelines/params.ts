import type { PipelineSpec } from '@gyre/sdk/wire/pipeline'
import type { JsonValue } from '@gyre/sdk/wire/ref'
import { durationMs } from '../core/duration.ts'
import { GyreError } from '../core/errors.ts'

type ParamType = PipelineSpec['params'][string]['type']

export type Params = Readonly<Record<string, JsonValue>>

/** The given parameters with defaults filled in. Throws INVALID_ARGUMENT naming `params.NAME`. */
export function bindParams(spec: PipelineSpec, given: Params): Params {
  const unknown = Object.keys(given).find((name) => !Object.hasOwn(spec.params, name))
  if (unknown !== undefined)
    throw new GyreError(
      'INVALID_ARGUMENT',
      `params.${unknown}: pipeline ${spec.name} has no such parameter; it has ${Object.keys(spec.params).join(', ')}`,
      { field: `params.${unknown}` },
    )
  const bound = Object.entries(spec.params).map(([name, { type, default: fallback }]) => {
    const value = given[name] ?? fallback
    if (value === undefined) throw mismatch(name, type, 'nothing')
    return [name, parse(name, type, value)] as const
  })
  return Object.fromEntries(bound)
}

function parse(name: string, type: ParamType, value: JsonValue): JsonValue {
  switch (type) {
    case 'day':
      return parseDay(name, value)
    case 'int':
      if (Number.isSafeInteger(value)) return value
      break
    case 'number':
      if (typeof value === 'number' && Number.isFinite(value)) return value
      break
    case 'duration':
      if (typeof value === 'string') {
        durationMs(value, `params.${name}`)
        return value
      }
      break
    case 'text':
      if (typeof value === 'string') return value
      break
    case 'boolean':
      if (typeof value === 'boolean') return value
      break
  }
  throw mismatch(name, type, JSON.stringify(value))
}

/** A date or an instant, as an ISO instant in UTC. */
function parseDay(name: string, value: JsonValue): string {
  const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN
  if (Number.isNaN(ms)) throw mismatch(name, 'day', JSON.stringify(value))
  return new Date(ms).toISOString()
}

function mismatch(name: string, type: ParamType, got: string): GyreError {
  return new GyreError('INVALID_ARGUMENT', `params.${name}: expected ${type}, got ${got}`, {
    field: `params.${name}`,
    expected: type,
  })
}
