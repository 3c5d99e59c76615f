import type { Stage } from '@gyre/sdk/wire/model'
import { GyreError } from '../core/errors.ts'

/** Where a version may go from each stage by hand; a release and its rollback move it by themselves. */
const MOVES: Readonly<Record<Stage, readonly Stage[]>> = {
  none: ['staging', 'archived'],
  staging: ['none', 'production', 'archived'],
  production: ['archived'],
  archived: ['staging'],
}

/** Throws CONFLICT naming the stages that are allowed from here. */
export function assertMove(ref: string, from: Stage, to: Stage): void {
  const allowed = MOVES[from]
  if (allowed.includes(to)) return
  throw new GyreError(
    'CONFLICT',
    `stage: ${ref} is in ${from} and cannot go to ${to}; allowed: ${allowed.join(', ')}`,
    { ref, from, to, allowed },
  )
}
