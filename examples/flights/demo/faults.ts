import type { Flight } from './rows.ts'

const week = (start: string) => {
  const startMs = Date.parse(start)
  return { startMs, endMs: startMs + 7 * 86_400_000 }
}

/** From here on one request in twenty gets through, for a week. */
export const OUTAGE = week('2001-04-12T00:00:00Z')
const OUTAGE_KEEPS_EVERY = 20

/** From here on distances arrive in kilometres, for a week. */
export const KILOMETRES = week('2001-05-10T00:00:00Z')
const KM_PER_MILE = 1.609344

/** On the first day from here on that no canary is out, a model made in a hurry is forced into one. */
export const HURRY_FROM_MS = Date.parse('2001-06-13T00:00:00Z')

/** The model in a hurry learns up to here. */
export const HURRY_UNTIL = '2001-05-28'

const within = ({ startMs, endMs }: { startMs: number; endMs: number }, ms: number): boolean =>
  ms >= startMs && ms < endMs

/** What is done to the traffic from this midnight on, in words; undefined on most days. */
export function faultFrom(midnightMs: number): string | undefined {
  if (midnightMs === OUTAGE.startMs)
    return `an outage, one of ${OUTAGE_KEEPS_EVERY} requests reaches the server for a week`
  if (midnightMs === KILOMETRES.startMs) return 'distance comes in kilometres for a week'
  return undefined
}

/** True when the request for this flight never reaches the server. */
export function isLost({ dateMs, position }: Flight): boolean {
  return within(OUTAGE, dateMs) && position % OUTAGE_KEEPS_EVERY !== 0
}

/** The distance as the request carries it. */
export function sentDistance({ dateMs, distance }: Flight): number {
  return within(KILOMETRES, dateMs) ? distance * KM_PER_MILE : distance
}
