import { GyreError } from '../core/errors.ts'

/** Clocks of clients differ; beyond a day ahead, an event time is a mistake that would close every window early. */
const MAX_AHEAD_MS = 86_400_000

const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/

/** An ISO-8601 instant as epoch milliseconds. Throws INVALID_INPUT naming `field`. */
export function eventTimeMs(text: string, field: string, nowMs: number): number {
  const atMs = INSTANT.test(text) && isDay(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(atMs))
    throw new GyreError(
      'INVALID_INPUT',
      `${field}: expected an instant like 2001-02-01T00:00:00Z, got ${JSON.stringify(text)}`,
      { field, got: text },
    )
  if (atMs > nowMs + MAX_AHEAD_MS)
    throw new GyreError('INVALID_INPUT', `${field}: ${text} lies more than a day in the future`, {
      field,
      got: text,
    })
  return atMs
}

/** Every month has that many. */
const SHORTEST_MONTH = 28

/** `Date.parse` takes the 30th of February for the 2nd of March. */
function isDay(text: string): boolean {
  const day = Number(text.slice(8, 10))
  return day <= SHORTEST_MONTH || new Date(text.slice(0, 10)).getUTCDate() === day
}
