import type { AnalysisReply, Release } from '@gyre/sdk/wire/release'
import type { Context } from '../core/context.ts'
import { durationMs } from '../core/duration.ts'
import { GyreError } from '../core/errors.ts'
import type { Registry } from '../registry/registry.ts'
import type { Catalog, Tx } from '../store/catalog.ts'
import type { Leases } from '../store/lease.ts'
import { decidingOf, type Analysis } from './analysis.ts'
import { loadEvidence } from './counter-rows.ts'
import { advanceCanary, type Grounds, type MoveDeps } from './moves.ts'
import type { Cell } from './outcome-tally.ts'
import type { EvidenceRow } from './evidence.ts'
import type { OwedRollbacks } from './owed-rollback.ts'
import { findOpen, getRelease, noteAnalysis } from './release-row.ts'
import { analyseStage, analyseWhole, stageOf } from './stages.ts'
import { rewardsOf, steerBandit, type ReadRewards } from './steering.ts'

/** Longer than any analysis takes; a server that dies in one holds up the next by this much. */
const LEASE_MS = 10_000

/** Who promotes and takes back when no person does. */
const ACTOR = 'policy:canary-analysis'

export interface JudgingDeps extends MoveDeps {
  readonly catalog: Catalog
  readonly leases: Leases
  readonly registry: Pick<Registry, 'putInProduction' | 'assertReleasable'>
  readonly owed: Pick<OwedRollbacks, 'takeBack'>
  readonly eventTime: (ctx: Context, endpoint: string) => Promise<string | null>
  readonly holder: string
  readonly rewards: ReadRewards
  /** Whether the shares of a bandit are looked at again now. */
  readonly isSteeringDue: (releaseId: string) => boolean
}

/**
 * Judges the endpoint's open canary by what all servers counted and acts on it, one server at a time.
 * `unwritten` is what the catalog would not take: it counts too, and needs no lease to take a canary back.
 */
export async function judgeCanary(
  deps: JudgingDeps,
  asked: Context,
  endpoint: string,
  unwritten: readonly Cell[] = [],
): Promise<Release | undefined> {
  const { catalog, owed } = deps
  const ctx = { ...asked, actor: ACTOR }
  const release = await findOpen(catalog.read, ctx, endpoint)
  if (release?.kind !== 'canary' && release?.kind !== 'bandit') return release
  const evidence = await loadEvidence(catalog.read, release.id, unwritten)
  const analysis = judge(evidence, release)
  const decision = decide(release, analysis, await deps.eventTime(ctx, endpoint))
  if (decision.act === 'take back') {
    await owed.takeBack(ctx, endpoint, decision.grounds)
    return getRelease(catalog.read, ctx, release.id)
  }
  if (unwritten.length > 0) return release
  if (release.kind === 'bandit') {
    if (!deps.isSteeringDue(release.id)) return release
    const rewards = await rewardsOf(deps.rewards, ctx, release)
    await inLease(deps, ctx, endpoint, (tx) => steerBandit(deps, tx, ctx, release, rewards))
  } else {
    const withdrawn = await inLease(deps, ctx, endpoint, (tx) =>
      act(deps, tx, ctx, { release, decision }),
    )
    if (withdrawn) await owed.takeBack(ctx, endpoint, withdrawn)
  }
  return getRelease(catalog.read, ctx, release.id)
}

/** One unit of the one server that may act for the endpoint; undefined where that is another. */
async function inLease<T>(
  { catalog, leases, holder }: JudgingDeps,
  ctx: Context,
  endpoint: string,
  work: (tx: Tx) => Promise<T>,
): Promise<T | undefined> {
  const name = `release:${ctx.project}/${endpoint}`
  const lease = await leases.acquire(name, holder, LEASE_MS)
  if (!lease) return undefined
  try {
    return await catalog.write(async (tx) => {
      await leases.assertHeld(tx, name, lease.fence)
      return work(tx)
    })
  } finally {
    await leases.release(name, holder, lease.fence)
  }
}

type Decision =
  | { readonly act: 'advance' | 'take back'; readonly grounds: Grounds }
  | { readonly act: 'wait'; readonly analysis: AnalysisReply }

function decide(release: Release, analysis: AnalysisReply, at: string | null): Decision {
  const { reason } = analysis
  switch (analysis.verdict) {
    case 'fail':
      return { act: 'take back', grounds: { reason, analysis, at } }
    case 'pass':
      if (stageOf(release).advance === 'manual') return { act: 'wait', analysis }
      return { act: 'advance', grounds: { reason, analysis, at } }
    case 'hold': {
      if (!isOverdue(release, at)) return { act: 'wait', analysis }
      const late = `undecided after ${stageOf(release).deadline}: ${reason}`
      return { act: 'take back', grounds: { reason: late, analysis, at } }
    }
  }
}

function isOverdue(release: Release, now: string | null): boolean {
  const { stageAt } = release
  const deadlineMs = durationMs(stageOf(release).deadline, 'plan.deadline')
  if (deadlineMs === 0 || stageAt === null || now === null) return false
  return Date.parse(now) - Date.parse(stageAt) > deadlineMs
}

/** Goes on or waits; gives the grounds to take the canary back when it may no longer be promoted. */
async function act(
  deps: JudgingDeps,
  tx: Tx,
  ctx: Context,
  { release, decision }: { release: Release; decision: Decision },
): Promise<Grounds | undefined> {
  const open = await findOpen(tx, ctx, release.endpoint)
  if (open?.id !== release.id || open.stage !== release.stage) return undefined
  if (decision.act === 'wait') {
    if (JSON.stringify(open.analysis) !== JSON.stringify(decision.analysis))
      await noteAnalysis(tx, release.id, decision.analysis)
    return undefined
  }
  try {
    if (release.forced === null) await deps.registry.assertReleasable(tx, ctx, release.to)
  } catch (error) {
    if (!(error instanceof GyreError)) throw error
    return { ...decision.grounds, reason: `it may no longer be promoted: ${error.message}` }
  }
  await advanceCanary(deps, tx, ctx, release, decision.grounds)
  return undefined
}

/** What the stage that a release has reached has shown so far; of a bandit, all of it. */
export function judge(evidence: readonly EvidenceRow[], release: Release): AnalysisReply {
  const { kind, plan } = release
  const each =
    kind === 'bandit'
      ? analyseWhole(evidence, plan)
      : analyseStage(evidence, plan, stageOf(release))
  return toReply(decidingOf(each))
}

export function toReply({ metric: _metric, needed: _needed, ...reply }: Analysis): AnalysisReply {
  return reply
}
