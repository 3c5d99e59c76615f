import type { IncomingMessage, ServerResponse } from 'node:http'
import { invalidInput } from '../../core/errors.ts'
import { PRIORITY_LEVELS, type Schedule } from '../../infer/schedule.ts'

/** A day: a longer wait is none that anybody means. */
const MAX_TIMEOUT_MS = 86_400_000

/**
 * What the headers `x-gyre-timeout-ms` and `x-gyre-priority` ask for; a client that leaves gives its request up.
 * Throws INVALID_INPUT naming the header.
 */
export function readSchedule({ headers }: IncomingMessage, response: ServerResponse): Schedule {
  const gone = new AbortController()
  response.once('close', () => {
    if (!response.writableFinished) gone.abort()
  })
  return {
    signal: gone.signal,
    deadlineMs: wholeOf(headers, 'x-gyre-timeout-ms', MAX_TIMEOUT_MS),
    priority: wholeOf(headers, 'x-gyre-priority', PRIORITY_LEVELS),
  }
}

/** 0 is as good as none. */
function wholeOf(
  headers: IncomingMessage['headers'],
  name: string,
  max: number,
): number | undefined {
  const { [name]: header } = headers
  if (header === undefined) return undefined
  const value = typeof header === 'string' && /^\d{1,9}$/.test(header) ? Number(header) : Number.NaN
  if (value <= max) return value === 0 ? undefined : value
  throw invalidInput(`header ${name}`, `expected a whole number from 0 to ${max}`)
}
