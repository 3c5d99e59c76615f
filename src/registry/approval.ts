import type { Approval, ModelVersion } from '@gyre/sdk/wire/model'
import type { Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { Tx } from '../store/catalog.ts'
import type { Events } from '../store/events.ts'
import { keyOf, modelSubject } from './model-version.ts'

export interface Decision {
  readonly decision: Approval['decision']
  readonly note: string
  /** `policy:NAME` where a rule decides; the actor of the context unless told. */
  readonly actor?: string
}

interface Deps {
  readonly events: Events
  readonly clock: Clock
  /** True where nobody may approve a version of their own. */
  readonly fourEyes: (ctx: Context) => Promise<boolean>
}

/** Writes a decision down beside the earlier ones. Throws FORBIDDEN to an author under four eyes. */
export async function decide(
  { events, clock, fourEyes }: Deps,
  tx: Tx,
  ctx: Context,
  version: ModelVersion,
  { decision, note, actor = ctx.actor }: Decision,
): Promise<void> {
  const isOwn = decision === 'approved' && actor === version.createdBy
  if (isOwn && (await fourEyes(ctx)))
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

/** Throws APPROVAL_MISSING unless the last decision about the version is an approval. */
export function assertApproved(version: ModelVersion): void {
  const last = lastApproval(version)
  if (last?.decision === 'approved') return
  const state = last ? `was rejected by ${last.actor}` : 'is not approved'
  const command = `gyre model approve ${version.name}@${version.version}`
  throw new GyreError('APPROVAL_MISSING', `${version.ref} ${state}: approve it with "${command}"`, {
    ref: version.ref,
    command,
  })
}
