import type { GateRef, Verdict } from '@gyre/sdk/wire/gate'
import type { Approval, ModelVersion } from '@gyre/sdk/wire/model'
import type { Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { Tx } from '../store/catalog.ts'
import type { Events } from '../store/events.ts'
import type { Verdicts } from './gate-check.ts'
import type { Approver, FindPolicy, ModelPolicy } from './model-policy.ts'
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
  readonly verdicts: Pick<Verdicts, 'standing'>
}

/**
 * Writes a decision down beside the earlier ones, with the gates that have judged the version. Throws FORBIDDEN to an
 * author under four eyes, and to an approver who is not among those that the policy names.
 */
export async function decide(
  { events, clock, policy, verdicts }: Deps,
  tx: Tx,
  ctx: Context,
  version: ModelVersion,
  { decision, note, actor = ctx.actor }: Decision,
): Promise<void> {
  if (decision === 'approved') assertMayApprove(version, actor, await policy(tx, ctx, version.name))
  const key = keyOf(version)
  const at = clock.now().toISOString()
  const gates = gateRefs(await verdicts.standing(tx, ctx, version.digest))
  const row = { ...key, project: ctx.project, actor, decision, note, at }
  await tx
    .insertInto('model_approvals')
    .values({ ...row, gates: JSON.stringify(gates) })
    .execute()
  const event = {
    type: `model.${decision}`,
    subject: modelSubject(key),
    data: { note, digest: version.digest, gates },
  }
  await events.append(tx, { ...ctx, actor }, event)
}

/** A policy of the code writes its approval down whoever is named; it counts only where nobody is. */
function assertMayApprove(
  { ref, name, createdBy }: ModelVersion,
  actor: string,
  { fourEyes, among }: ModelPolicy,
): void {
  if (fourEyes && actor === createdBy)
    throw new GyreError('FORBIDDEN', `${actor} made ${ref}: somebody else must approve it`, {
      ref,
      actor,
    })
  if (!among || actor.startsWith('policy:') || among.some((one) => one.actor === actor)) return
  throw new GyreError(
    'FORBIDDEN',
    `approvals.among: ${actor} is not among those who approve ${name}: ${namesOf(among)}`,
    { field: 'approvals.among', ref, actor, among: among.map((one) => one.actor) },
  )
}

function namesOf(approvers: readonly Approver[]): string {
  return approvers.map(({ actor }) => actor).join(', ') || 'no live key is'
}

/** A version, with the newest verdict of each gate that has judged its files. */
export interface Judged {
  readonly version: Pick<ModelVersion, 'approvals'>
  readonly verdicts: readonly Verdict[]
}

/** The decision that counts: the last approval that stands, else the last rejection. */
export function lastDecision(judged: Judged): Approval | undefined {
  const rejected = judged.version.approvals.findLast(({ decision }) => decision === 'rejected')
  return standingApprovals(judged).at(-1) ?? rejected
}

/**
 * What was approved since the last rejection. An approval is of the verdicts that the approver could read: it dies
 * when a gate judges the version by other rules, or another gate does. A gate that is no more takes none with it.
 */
export function standingApprovals({ version, verdicts }: Judged): readonly Approval[] {
  const { approvals } = version
  const since = approvals.findLastIndex(({ decision }) => decision === 'rejected') + 1
  const now = gateRefs(verdicts)
  return approvals
    .slice(since)
    .filter(({ gates }) => gates === null || now.every((one) => gates.some(isSame(one))))
}

function gateRefs(verdicts: readonly Verdict[]): GateRef[] {
  return verdicts.map(({ gate, gateDigest }) => ({ gate, digest: gateDigest }))
}

function isSame(one: GateRef) {
  return ({ gate, digest }: GateRef): boolean => gate === one.gate && digest === one.digest
}

/** Throws APPROVAL_MISSING unless enough people's approvals of the version stand. */
export async function assertApproved(
  verdicts: Pick<Verdicts, 'standing'>,
  tx: Tx,
  ctx: Context,
  version: ModelVersion,
  policy: ModelPolicy,
): Promise<void> {
  const judged = { version, verdicts: await verdicts.standing(tx, ctx, version.digest) }
  const given = approversOf(judged, version.createdBy, policy).size
  if (given >= policy.approvals) return
  const command = `gyre model approve ${commandWord(version)}`
  throw new GyreError(
    'APPROVAL_MISSING',
    `${version.ref} ${missing(judged, given, policy)}: approve it with "${command}"`,
    { ref: version.ref, command, given, needed: policy.approvals },
  )
}

function missing(judged: Judged, given: number, { approvals, among }: ModelPolicy): string {
  const last = judged.version.approvals.at(-1)
  const of = among ? ` that count, of ${namesOf(among)}` : ''
  if (given > 0) return `has ${given} of ${approvals} approvals${of}`
  if (last?.decision === 'rejected') return `was rejected by ${last.actor}`
  if (standingApprovals(judged).length > 0 && among) return `has 0 of ${approvals} approvals${of}`
  if (!last || standingApprovals(judged).length > 0) return 'is not approved'
  const gates = judged.verdicts.map(({ gate }) => gate).join(' and ')
  return `was approved by ${last.actor} before ${gates} judged it by its present rules`
}

/** Whoever approves twice is one approver; a name that was given to another key since is nobody's. */
function approversOf(
  judged: Judged,
  author: string,
  { fourEyes, among }: ModelPolicy,
): ReadonlySet<string> {
  const counted = standingApprovals(judged).filter(
    ({ actor, at }) =>
      (!fourEyes || actor !== author) &&
      (!among || among.some((one) => one.actor === actor && one.since <= at)),
  )
  return new Set(counted.map(({ actor }) => actor))
}
