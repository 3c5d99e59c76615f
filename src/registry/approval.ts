import type { Approval, ModelVersion } from '@gyre/sdk/wire/model'
import type { Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { Tx } from '../store/catalog.ts'
import type { Events } from '../store/events.ts'
import type { FindPolicy, ModelPolicy } from './model-policy.ts'
import { commandWord, keyOf, modelSubject } from './version-key.ts'

export interface Decision {
  readonly decision: Approval['decision']
  readonly note: string
  /** `policy:NAME` where a rule decides; the actor of the context unless told. */
  readonly actor?: string
}

interface Deps {
  readonly events: Events
  readonly clock: Clock
  readonly policy: FindPolicy
}

/** Writes a decision down beside the earlier ones. Throws FORBIDDEN to an author under four eyes. */
export async function decide(
  { events, clock, policy }: Deps,
  tx: Tx,
  ctx: Context,
  version: ModelVersion,
  { decision, note, actor = ctx.actor }: Decision,
): Promise<void> {
  const isOwn = decision === 'approved' && actor === version.createdBy
  if (isOwn && (await policy(tx, ctx, version.name)).fourEyes)
    throw new GyreError(
      'FORBIDDEN',
      `${actor} made ${version.ref}: somebody else must approve it`,
      { ref: version.ref, actor },
    )
  const key = keyOf(version)
  const at = clock.now().toISOString()
  await tx
    .insertInto('model_approvals')
    .values({ ...key, project: ctx.project, actor, decision, note, at })
    .execute()
  const event = {
    type: `model.${decision}`,
    subject: modelSubject(key),
    data: { note, digest: version.digest },
  }
  await events.append(tx, { ...ctx, actor }, event)
}

/** The decision that counts: the last one. */
export function lastApproval(version: ModelVersion): Approval | undefined {
  return version.approvals.at(-1)
}

/** Throws APPROVAL_MISSING unless enough people have approved the version since it was last rejected. */
export function assertApproved(version: ModelVersion, policy: ModelPolicy): void {
  const given = standingApprovers(version, policy).size
  if (given >= policy.approvals) return
  const last = lastApproval(version)
  const state =
    given > 0
      ? `has ${given} of ${policy.approvals} approvals`
      : last?.decision === 'rejected'
        ? `was rejected by ${last.actor}`
        : 'is not approved'
  const command = `gyre model approve ${commandWord(version)}`
  throw new GyreError('APPROVAL_MISSING', `${version.ref} ${state}: approve it with "${command}"`, {
    ref: version.ref,
    command,
    given,
    needed: policy.approvals,
  })
}

/** A rejection takes back what was approved before it; whoever approves twice is one approver. */
function standingApprovers(
  { approvals, createdBy }: ModelVersion,
  { fourEyes }: ModelPolicy,
): ReadonlySet<string> {
  const since = approvals.findLastIndex(({ decision }) => decision === 'rejected') + 1
  const approvers = approvals.slice(since).map(({ actor }) => actor)
  return new Set(approvers.filter((actor) => !fourEyes || actor !== createdBy))
}
