import type { ParamSpec } from '../wire/pipeline.ts'
import type { JsonValue } from '../wire/ref.ts'
import { checkDuration, type Duration } from './duration.ts'
import { checkInstant } from './instant.ts'
import { checkedJson } from './value.ts'

/** The kinds of parameters a pipeline takes. */
export type ParamKind = ParamSpec['type']

/** A parameter of a pipeline: given with every run, or left at its preset. */
export interface Param<K extends ParamKind = ParamKind> {
  readonly param: Omit<ParamSpec, 'type'> & { readonly type: K }
}

/** What a parameter of each kind is when a step reads it; a day is an ISO-8601 instant in UTC. */
interface ParamValues {
  day: string
  int: number
  number: number
  text: string
  duration: string
  boolean: boolean
  list: readonly JsonValue[]
}

/** What a step reads for a parameter. */
export type ParamValue<P> =
  P extends ListParam<infer T> ? readonly T[] : P extends Param<infer K> ? ParamValues[K] : never

declare const ITEM: unique symbol

/** A parameter that is a list; what its items are is for the editor alone, a run may be given any JSON. */
export interface ListParam<T = JsonValue> extends Param<'list'> {
  readonly [ITEM]?: T
}

/** An instant in event time, such as the end of the rows to learn from. */
export function day(preset?: string): Param<'day'> {
  if (preset !== undefined) checkInstant('day', preset)
  return param('day', preset)
}

/** A length of event time: `duration('28d')`. */
export function duration(preset?: Duration): Param<'duration'> {
  if (preset !== undefined) checkDuration('duration', preset)
  return param('duration', preset)
}

/** A list of anything that is JSON: `list(['DE', 'FR'])`, `list<string>()`. */
export function list<T extends JsonValue = JsonValue>(preset?: readonly T[]): ListParam<T> {
  return param('list', preset === undefined ? undefined : checkedJson('list', preset))
}

export function param<K extends ParamKind>(type: K, preset: JsonValue | undefined): Param<K> {
  return { param: preset === undefined ? { type } : { type, default: preset } }
}
