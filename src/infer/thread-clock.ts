/**
 * Milliseconds since the machine started, the same in every thread, unlike `performance.now()`: what is left out of
 * one thread's measurement and begins in another's.
 */
export function threadClockMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
