import type { PipelineSpec } from '@gyre/sdk/wire/pipeline'
import { Duration, Json, type JsonValue } from '@gyre/sdk/wire/ref'
import { z } from 'zod'
import { GyreError } from '../core/errors.ts'

import { partitionOf } from './partition.ts'

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
  const values = new Map(Object.entries(given))
  const bound = Object.entries(spec.params).map(([name, { type, default: fallback }]) => {
    const value = values.get(name) ?? fallback
    if (value === undefined) throw mismatch(name, type, 'nothing')
    return [name, parse(name, type, value)] as const
  })
  const params = Object.fromEntries(bound)
  partitionOf(spec, params)
  return params
}

/** A date (its first moment) or an instant, as an ISO instant in UTC. */
const Day = z
  .union([z.iso.date(), z.iso.datetime({ offset: true })])
  .transform((day) => new Date(day).toISOString())

const VALUES: Readonly<Record<ParamType, z.ZodType<JsonValue>>> = {
  day: Day,
  int: z.int(),
  number: z.number(),
  duration: Duration,
  text: z.string(),
  boolean: z.boolean(),
  list: z.array(Json),
}

function parse(name: string, type: ParamType, value: JsonValue): JsonValue {
  const parsed = VALUES[type].safeParse(value)
  if (!parsed.success) throw mismatch(name, type, JSON.stringify(value))
  return parsed.data
}

const EXPECTED: Readonly<Record<ParamType, string>> = {
  day: 'a day like 2001-02-01 or an instant like 2001-02-01T00:00:00Z',
  int: 'an integer',
  number: 'a finite number',
  duration: 'a duration like 30m, 2h or 7d',
  text: 'a text',
  boolean: 'true or false',
  list: 'a list as JSON',
}

function mismatch(name: string, type: ParamType, got: string): GyreError {
  return new GyreError(
    'INVALID_ARGUMENT',
    `params.${name}: expected ${EXPECTED[type]}, got ${got}`,
    { field: `params.${name}`, expected: type },
  )
}
