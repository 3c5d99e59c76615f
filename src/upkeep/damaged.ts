import { GyreError } from '../core/errors.ts'

/** What a file that is no whole backup is refused with. */
export function damaged(what: string): GyreError {
  return new GyreError('DAMAGED', `this is not a whole backup: ${what}`)
}
