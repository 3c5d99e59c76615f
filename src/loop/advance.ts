import type { Release } from '@gyre/sdk/wire/release'
import type { Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import { GyreError, toGyreError, type ErrorCode } from '../core/errors.ts'
import type { PipelineRun } from '@gyre/sdk/wire/pipeline'
import type { Pipelines } from '../pipelines/pipelines.ts'
import type { Registry } from '../registry/registry.ts'
import type { Releases } from '../release/release.ts'
import type { Catalog } from '../store/catalog.ts'
import type { Events } from '../store/events.ts'
import { outcomeOf } from './outcome.ts'
import { moveRetrain, type OpenRetrain, type RetrainChange } from './retrain-row.ts'

export interface AdvanceDeps {
  readonly catalog: Catalog
  readonly events: Events
  readonly clock: Clock
  readonly pipelines: Pick<Pipelines, 'start' | 'get' | 'list'>
  readonly registry: Pick<Registry, 'get'>
  readonly releases: Pick<Releases, 'open' | 'list'>
}

/** Runs looked through for one that a crashed server started and could not write down. */
const RECENT_RUNS = 200

/** Errors after which the same attempt may succeed later. */
const PASSING: ReadonlySet<ErrorCode> = new Set([
  'CONFLICT',
  'DISK_FULL',
  'OVERLOADED',
  'TIMEOUT',
  'UNAVAILABLE',
])

/**
 * Carries a retraining one step on: starts its pipeline, reads how that ended, opens the release. Each step
 * is written down after it was taken and finds what an earlier attempt already did, so a crash between the
 * two repeats nothing. True when it moved.
 */
export async function advance(deps: AdvanceDeps, retrain: OpenRetrain): Promise<boolean> {
  const ctx = asLoop(retrain)
  try {
    switch (retrain.state) {
      case 'fired':
        return await start(deps, ctx, retrain)
      case 'training':
        return await collect(deps, ctx, retrain)
      case 'waiting':
        return await release(deps, ctx, retrain)
      case 'released':
      case 'rejected':
      case 'failed':
      case 'skipped':
        return false
    }
  } catch (thrown) {
    const error = toGyreError(thrown)
    if (PASSING.has(error.code) || error.code === 'INTERNAL') throw error
    return move(deps, ctx, retrain, { state: 'failed', reason: error.message })
  }
}

/** The pipeline run carries the retraining's id, so that one started before a crash is found again. */
function tagOf({ trigger, id }: OpenRetrain): string {
  return `${trigger}/${id}`
}

async function start(deps: AdvanceDeps, ctx: Context, retrain: OpenRetrain): Promise<boolean> {
  const { pipelines } = deps
  const recent = await pipelines.list(ctx, RECENT_RUNS)
  const tag = tagOf(retrain)
  const run: PipelineRun =
    recent.find(({ trigger }) => trigger === tag) ??
    (await pipelines.start(ctx, retrain.pipeline, retrain.params, tag))
  return move(deps, ctx, retrain, { state: 'training', pipelineRun: run.id })
}

async function collect(deps: AdvanceDeps, ctx: Context, retrain: OpenRetrain): Promise<boolean> {
  if (retrain.pipelineRun === null)
    throw new GyreError('INTERNAL', `retraining ${retrain.id} has no pipeline run`)
  const outcome = outcomeOf(await deps.pipelines.get(ctx, retrain.pipelineRun))
  switch (outcome.kind) {
    case 'running':
      return false
    case 'failed': {
      const { reason, verdict } = outcome
      return move(deps, ctx, retrain, { state: 'failed', reason, ...(verdict && { verdict }) })
    }
    case 'refused': {
      const { reason, verdict, candidate } = outcome
      const kept = candidate === undefined ? {} : { candidate }
      return move(deps, ctx, retrain, { state: 'rejected', reason, verdict, ...kept })
    }
    case 'passed': {
      const { candidate, verdict, isNew } = outcome
      const earlier = isNew ? undefined : await releaseOf(deps, ctx, retrain.endpoint, candidate)
      if (!earlier) return move(deps, ctx, retrain, { state: 'waiting', candidate, verdict })
      const reason = `nothing new: ${candidate} has the same files, and was released as ${earlier.id}`
      return move(deps, ctx, retrain, { state: 'rejected', reason, verdict, candidate })
    }
  }
}

/** Opens the release once the candidate is approved and no canary stands in its way. */
async function release(deps: AdvanceDeps, ctx: Context, retrain: OpenRetrain): Promise<boolean> {
  const { candidate, endpoint } = retrain
  if (candidate === null)
    throw new GyreError('INTERNAL', `retraining ${retrain.id} has no candidate`)
  const decision = (await deps.registry.get(ctx, candidate)).approvals.at(-1)
  if (!decision) return false
  if (decision.decision === 'rejected') {
    const reason = `rejected by ${decision.actor}: ${decision.note}`
    return move(deps, ctx, retrain, { state: 'rejected', reason })
  }
  const opened = await releaseOf(deps, ctx, endpoint, candidate)
  if (opened) return released(deps, ctx, retrain, opened)
  const releases = await deps.releases.list(ctx, endpoint)
  if (releases.some(({ state }) => state === 'open')) return false
  const request = { model: candidate, plan: retrain.plan }
  return released(deps, ctx, retrain, await deps.releases.open(ctx, endpoint, request))
}

/** The newest release that brought a version to an endpoint, by whomever it was opened. */
async function releaseOf(
  { releases }: AdvanceDeps,
  ctx: Context,
  endpoint: string,
  candidate: string,
): Promise<Release | undefined> {
  const all = await releases.list(ctx, endpoint)
  return all.find(({ to, kind }) => to === candidate && kind !== 'rollback')
}

function released(
  deps: AdvanceDeps,
  ctx: Context,
  retrain: OpenRetrain,
  opened: Release,
): Promise<boolean> {
  const reason = 'the gate passed it'
  return move(deps, ctx, retrain, { state: 'released', release: opened.id, reason })
}

async function move(
  { catalog, events, clock }: AdvanceDeps,
  ctx: Context,
  retrain: OpenRetrain,
  change: RetrainChange,
): Promise<boolean> {
  const isEnd = change.state !== 'training' && change.state !== 'waiting'
  const endedAt = clock.now().toISOString()
  return catalog.write(async (tx) => {
    const moved = await moveRetrain(tx, retrain, isEnd ? { ...change, endedAt } : change)
    if (!moved) return false
    const { id, trigger, endpoint, at } = retrain
    await events.append(tx, ctx, {
      type: `retrain.${change.state}`,
      subject: { kind: 'trigger', id: trigger },
      data: {
        retrain: id,
        endpoint,
        at,
        pipelineRun: change.pipelineRun ?? retrain.pipelineRun,
        candidate: change.candidate ?? retrain.candidate,
        champion: retrain.champion,
        release: change.release ?? null,
        reason: change.reason ?? null,
      },
    })
    return true
  })
}

function asLoop({ project, trigger, id }: OpenRetrain): Context {
  return { project, actor: `loop:${trigger}`, requestId: id }
}
