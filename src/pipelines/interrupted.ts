import { toGyreError } from '../core/errors.ts'

/** How a step's process says that it was told to end, and may go on elsewhere: EX_TEMPFAIL of sysexits(3). */
export const TOLD_TO_END = 75

/** True for what is thrown of a step that was interrupted. */
export function wasInterrupted(thrown: unknown): boolean {
  return toGyreError(thrown).details['interrupted'] === true
}
