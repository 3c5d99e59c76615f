import type { Clock } from './clock.ts'
import { GyreError } from './errors.ts'

/** Clocks differ; what lies further ahead is a mistake that would close every window before its time. */
const MAX_AHEAD_MS = 86_400_000

/** Throws INVALID_ARGUMENT naming `field` for an event time more than a day in the future. */
export function assertNotFuture(at: Date, field: string, clock: Clock): void {
  if (at.getTime() <= clock.now().getTime() + MAX_AHEAD_MS) return
  throw new GyreError(
    'INVALID_ARGUMENT',
    `${field}: ${at.toISOString()} lies more than a day in the future`,
    { field, got: at.toISOString() },
  )
}
