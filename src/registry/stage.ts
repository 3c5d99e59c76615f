import type { ModelVersion } from '@gyre/sdk/wire/model'
import type { Stage } from '@gyre/sdk/wire/stage'
import { GyreError } from '../core/errors.ts'
import { PRODUCTION } from './alias.ts'
import type { ModelPolicy } from './model-policy.ts'

const STAGES: readonly Stage[] = ['none', 'staging', 'production', 'archived']

/** Where a version may go from each stage by hand; a release and its rollback move it by themselves. */
const MOVES: Readonly<Record<Stage, readonly Stage[]>> = {
  none: ['staging', 'archived'],
  staging: ['none', 'production', 'archived'],
  production: ['archived'],
  archived: ['staging'],
}

/** Throws CONFLICT naming the stages that are allowed from here: those of Gyre's own ladder, less what the policy forbids. */
export function assertMove(ref: string, from: Stage, to: Stage, policy: ModelPolicy): void {
  assertAllowed(ref, from, to, policy, MOVES[from])
}

/** As `assertMove`, where every move is allowed that the policy does not forbid: MLflow knows no ladder. */
export function assertNotForbidden(ref: string, from: Stage, to: Stage, policy: ModelPolicy): void {
  assertAllowed(ref, from, to, policy, STAGES)
}

function isFree(from: Stage, { forbids }: ModelPolicy): (to: Stage) => boolean {
  return (to) => !forbids.some((move) => move.from === from && move.to === to)
}

function assertAllowed(
  ref: string,
  from: Stage,
  to: Stage,
  policy: ModelPolicy,
  moves: readonly Stage[],
): void {
  const allowed = moves.filter(isFree(from, policy))
  if (allowed.includes(to)) return
  const why = moves.includes(to) ? ' by the policy of its project' : ''
  throw new GyreError(
    'CONFLICT',
    `stage: ${ref} is in ${from} and cannot go to ${to}${why}; allowed: ${allowed.join(', ')}`,
    { ref, from, to, allowed },
  )
}

/** Throws CONFLICT for the version that a release has put in production: its stage follows the releases. */
export function assertNotServing({ ref, aliases }: ModelVersion): void {
  if (!aliases.includes(PRODUCTION)) return
  throw new GyreError('CONFLICT', `stage: ${ref} is in production; another release takes it out`, {
    ref,
  })
}
