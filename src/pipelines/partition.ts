import type { Partitions } from '@gyre/sdk/wire/partition'
import type { PipelineSpec } from '@gyre/sdk/wire/pipeline'
import { GyreError } from '../core/errors.ts'
import type { Params } from './params.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/** A pipeline's parameter that says which partition a run is for. */
export interface PartitionParam {
  readonly name: string
  readonly partitions: Partitions
}

/** One of what a pipeline is run for: how it is called, and the parameter that a run gets. */
export interface Partition {
  readonly key: string
  readonly value: string
}

function partitionParam({ params }: PipelineSpec): PartitionParam | undefined {
  for (const [name, { partitions }] of Object.entries(params))
    if (partitions) return { name, partitions }
  return undefined
}

/** Throws CONFLICT for a pipeline that has none. */
export function requirePartitions(spec: PipelineSpec): PartitionParam {
  const param = partitionParam(spec)
  if (!param)
    throw new GyreError(
      'CONFLICT',
      `pipeline ${spec.name} has no partitions: let one of its parameters be daily(…), hourly(…), weekly(…), monthly(…) or oneOf([…])`,
      { pipeline: spec.name },
    )
  return param
}

/** The partition that a run with these parameters is for. Throws INVALID_ARGUMENT where the value is none. */
export function partitionOf(spec: PipelineSpec, params: Params): string | null {
  const param = partitionParam(spec)
  if (!param) return null
  const value = params[param.name]
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return parsePartition(param.partitions, `params.${param.name}`, text).key
}

/** A partition by its key, or by the instant at which it begins. Throws INVALID_ARGUMENT naming `field`. */
export function parsePartition(partitions: Partitions, field: string, text: string): Partition {
  if (partitions.by === 'name') {
    if (partitions.names.includes(text)) return { key: text, value: text }
    throw refusal(field, `one of ${partitions.names.slice(0, 20).join(', ')}`, text)
  }
  const at = instantOf(text)
  const from = new Date(partitions.from)
  if (at === undefined || at < from || startOf(partitions.by, from, at).getTime() !== at.getTime())
    throw refusal(
      field,
      `the start of ${partitions.by === 'hour' ? 'an' : 'a'} ${partitions.by} in UTC from ${partitions.from} on, such as ${keyOf(partitions.by, from)}`,
      text,
    )
  return periodAt(partitions.by, at)
}

/**
 * Periods that begin in [from, to) and have ended by `now`; names, all of them. Throws INVALID_ARGUMENT for a bound that
 * is none, for names with bounds, and for more than `most`.
 */
export function partitionsBetween(
  partitions: Partitions,
  { from, to }: { readonly from?: string; readonly to?: string },
  now: Date,
  most: number,
): readonly Partition[] {
  if (partitions.by === 'name') {
    const bound = from === undefined ? (to === undefined ? undefined : 'to') : 'from'
    if (bound !== undefined)
      throw new GyreError('INVALID_ARGUMENT', `${bound}: names have no order`, { field: bound })
    return partitions.names.map((name) => ({ key: name, value: name }))
  }
  const { by } = partitions
  const first = new Date(partitions.from)
  const lower = from === undefined ? first : boundOf(partitions, 'from', from)
  const upper = to === undefined ? undefined : boundOf(partitions, 'to', to)
  if (upper && upper < lower)
    throw new GyreError('INVALID_ARGUMENT', `to: lies before from, ${lower.toISOString()}`, {
      field: 'to',
    })
  const found: Partition[] = []
  for (let at = startOf(by, first, lower); ;) {
    const next = nextOf(by, at)
    if (next > now || (upper && at >= upper)) return found
    if (found.length === most)
      throw new GyreError(
        'INVALID_ARGUMENT',
        `from: expected at most ${most} partitions, and there are more from ${lower.toISOString()} on`,
        { field: 'from' },
      )
    if (at >= lower) found.push(periodAt(by, at))
    at = next
  }
}

type Period = Exclude<Partitions['by'], 'name'>

/** A bound is the start of a partition, so that none is cut. */
function boundOf(partitions: Extract<Partitions, { from: string }>, field: string, text: string) {
  return new Date(parsePartition(partitions, field, text).value)
}

function periodAt(by: Period, at: Date): Partition {
  return { key: keyOf(by, at), value: at.toISOString() }
}

const KEY_CHARS = { hour: 13, day: 10, week: 10, month: 7 }

function keyOf(by: Period, at: Date): string {
  return at.toISOString().slice(0, KEY_CHARS[by])
}

/** `2026-01`, `2026-01-31`, `2026-01-31T13` or an instant. */
function instantOf(text: string): Date | undefined {
  const [, month, hour] = /^(?:(\d{4}-\d{2})|(\d{4}-\d{2}-\d{2}T\d{2}))$/.exec(text) ?? []
  const full = month === undefined ? (hour === undefined ? text : `${hour}:00Z`) : `${month}-01`
  if (!/^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2}))?$/.test(full))
    return undefined
  const at = new Date(full)
  // `new Date` takes the 31st of February for a day of March.
  const isThere = !Number.isNaN(at.getTime()) && isDay(full.slice(0, 10))
  return isThere ? at : undefined
}

function isDay(text: string): boolean {
  const at = new Date(`${text}T00:00:00Z`)
  return !Number.isNaN(at.getTime()) && at.toISOString().slice(0, 10) === text
}

/** The start of the period that `at` lies in. */
function startOf(by: Period, from: Date, at: Date): Date {
  if (by === 'month') return new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), 1))
  const length = LENGTH_MS[by]
  const passed = Math.floor((at.getTime() - from.getTime()) / length)
  return new Date(from.getTime() + passed * length)
}

const LENGTH_MS = { hour: HOUR_MS, day: DAY_MS, week: 7 * DAY_MS }

function nextOf(by: Period, at: Date): Date {
  if (by === 'month') return new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 1, 1))
  return new Date(at.getTime() + LENGTH_MS[by])
}

function refusal(field: string, expected: string, got: string): GyreError {
  return new GyreError('INVALID_ARGUMENT', `${field}: expected ${expected}, got ${got}`, {
    field,
    got,
  })
}
