import type { Release, ReleaseStatus } from '@gyre/sdk/wire/release'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { Routes } from '../routes/routes.ts'
import type { Tx } from '../store/catalog.ts'
import { banditReport } from './bandit.ts'
import { loadEvidence } from './counter-rows.ts'
import type { EvidenceRow } from './evidence.ts'
import { findOpen, listReleases } from './release-row.ts'
import { toReply } from './judging.ts'
import { loadShadow } from './shadow-counters.ts'
import { rewardsOf, type ReadRewards } from './steering.ts'
import { analyseStage, stagesOf, type Stage } from './stages.ts'

export interface StatusDeps {
  readonly db: Tx
  readonly routes: Pick<Routes, 'get'>
  readonly rewards: ReadRewards
}

/** The endpoint's open release, else its newest, with the evidence of each stage. Throws NOT_FOUND where it has none. */
export async function releaseStatus(
  { db, routes, rewards }: StatusDeps,
  ctx: Context,
  endpoint: string,
): Promise<ReleaseStatus> {
  const release = (await findOpen(db, ctx, endpoint)) ?? (await listReleases(db, ctx, endpoint))[0]
  if (!release) throw new GyreError('NOT_FOUND', `${endpoint} has no release yet`, { endpoint })
  if (release.kind === 'shadow')
    return { release, stages: [], shadow: await loadShadow(db, release.id), bandit: null }
  if (release.kind === 'bandit') {
    const weightBp = (await routes.get(ctx, endpoint, db)).canary?.weightBp ?? 0
    const models = { canary: release.to, stable: release.from ?? '' }
    const bandit = banditReport(weightBp, await rewardsOf(rewards, ctx, release), models)
    return { release, stages: [], shadow: null, bandit }
  }
  if (release.kind !== 'canary') return { release, stages: [], shadow: null, bandit: null }
  const evidence = await loadEvidence(db, release.id)
  const stages = stagesOf(release.plan).map((stage, i) => shown(release, evidence, stage, i))
  return { release, stages, shadow: null, bandit: null }
}

function shown(release: Release, evidence: readonly EvidenceRow[], stage: Stage, i: number) {
  const each = analyseStage(evidence, release.plan, stage)
  const metrics = each.map((analysis) => ({ metric: analysis.metric, ...toReply(analysis) }))
  return { ...stage, state: stateOf(release, i), metrics }
}

function stateOf(release: Release, stage: number): ReleaseStatus['stages'][number]['state'] {
  if (stage > release.stage) return 'ahead'
  return stage === release.stage && release.state === 'open' ? 'under way' : 'over'
}
