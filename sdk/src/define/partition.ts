import type { Partitions } from '../wire/partition.ts'
import { DefinitionError } from './definition-error.ts'
import type { Param } from './param.ts'

const DAY = /^\d{4}-\d{2}-\d{2}$/
/** Everything in UTC: what is local has hours that are there twice, or not at all. */
const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?Z$/

/** A parameter that is the start of an hour, `from` this one on; a pipeline with it is run hour by hour. */
export function hourly(from: string): Param<'day'> {
  return period('hourly', 'hour', from, (at) => at.getTime() % 3_600_000 === 0)
}

/** A parameter that is the start of a day in UTC, from `2026-01-01` on; a pipeline with it is run day by day. */
export function daily(from: string): Param<'day'> {
  return period('daily', 'day', from, isMidnight)
}

/** A parameter that is the start of a week; weeks begin with the weekday of `from`. */
export function weekly(from: string): Param<'day'> {
  return period('weekly', 'week', from, isMidnight)
}

/** A parameter that is the start of a month in UTC. */
export function monthly(from: string): Param<'day'> {
  return period('monthly', 'month', from, (at) => isMidnight(at) && at.getUTCDate() === 1)
}

/** A parameter that is one of these names; a pipeline with it is run for each. */
export function oneOf(names: readonly string[]): Param<'text'> {
  const twice = names.find((name, at) => names.indexOf(name) < at)
  if (twice !== undefined) throw new DefinitionError('oneOf', `${twice} is there twice`)
  if (names.length === 0 || names.length > 10_000 || names.some((name) => name === ''))
    throw new DefinitionError('oneOf', 'expected 1 to 10000 names that are not empty')
  return { param: { type: 'text', partitions: { by: 'name', names: [...names] } } }
}

function isMidnight(at: Date): boolean {
  return at.getTime() % 86_400_000 === 0
}

function period(
  field: string,
  by: Exclude<Partitions['by'], 'name'>,
  from: string,
  isStart: (at: Date) => boolean,
): Param<'day'> {
  const at = DAY.test(from) || INSTANT.test(from) ? new Date(from) : undefined
  if (!at || Number.isNaN(at.getTime()) || !isStart(at))
    throw new DefinitionError(
      field,
      `expected the start of ${by === 'hour' ? 'an' : 'a'} ${by} in UTC, got ${from}`,
    )
  return { param: { type: 'day', partitions: { by, from: at.toISOString() } } }
}
