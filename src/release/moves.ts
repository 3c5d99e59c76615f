import {
  ReleasePlan,
  type AnalysisReply,
  type Release,
  type RouteState,
} from '@gyre/sdk/wire/release'
import type { JsonValue } from '@gyre/sdk/wire/ref'
import type { Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { NewId } from '../core/id.ts'
import type { Registry } from '../registry/registry.ts'
import type { Routes } from '../routes/routes.ts'
import type { Tx } from '../store/catalog.ts'
import type { Events } from '../store/events.ts'
import { beginStage, endRelease, insertRelease, retire } from './release-row.ts'
import { stageAfter } from './stages.ts'

export interface MoveDeps {
  readonly events: Events
  readonly routes: Pick<Routes, 'get' | 'write'>
  readonly registry: Pick<Registry, 'putInProduction'>
  readonly clock: Clock
  readonly newId: NewId
}

/** Why an open canary ends. */
export interface Grounds {
  readonly reason: string
  readonly analysis: AnalysisReply | null
  /** Event time of the decision, as far as it is known. */
  readonly at: string | null
}

/** All traffic to the canary's version: route, release, alias, stage and event in the caller's unit. */
export async function promoteCanary(
  deps: MoveDeps,
  tx: Tx,
  ctx: Context,
  release: Release,
  { reason, analysis, at }: Grounds,
): Promise<void> {
  const route = await deps.routes.get(ctx, release.endpoint, tx)
  assertItsArm(route, release)
  const closedAt = deps.clock.now().toISOString()
  await retire(tx, ctx, release.endpoint, 'superseded')
  await endRelease(tx, release.id, { state: 'promoted', closedAt, reason, analysis })
  await makeStable(deps, tx, ctx, route, release.to)
  await tell(deps, tx, ctx, 'release.promoted', release, { reason, analysis, at })
}

/** A larger share to the canary, or all traffic after its last stage. */
export async function advanceCanary(
  deps: MoveDeps,
  tx: Tx,
  ctx: Context,
  release: Release,
  grounds: Grounds,
): Promise<void> {
  const next = release.kind === 'canary' ? stageAfter(release) : undefined
  if (!next) return promoteCanary(deps, tx, ctx, release, grounds)
  const { reason, analysis, at } = grounds
  const route = await deps.routes.get(ctx, release.endpoint, tx)
  const { canary } = route
  if (!canary) throw notItsArm(route, release)
  const stage = release.stage + 1
  assertItsArm(route, release)
  await beginStage(tx, release.id, { stage, at })
  const { stable, previous } = route
  const arms = { stable, previous, canary: { ...canary, weightBp: next.weightBp } }
  await deps.routes.write(tx, ctx, release.endpoint, route.rev, arms)
  const { weightBp } = next
  await tell(deps, tx, ctx, 'release.advanced', release, { stage, weightBp, reason, analysis, at })
}

/** All traffic stays with, or returns to, the stable version. Loads nothing and asks no gate. */
export async function takeBackCanary(
  { events, routes, clock }: MoveDeps,
  tx: Tx,
  ctx: Context,
  release: Release,
  { reason, analysis, at }: Grounds,
): Promise<void> {
  const route = await routes.get(ctx, release.endpoint, tx)
  assertItsArm(route, release)
  const closedAt = clock.now().toISOString()
  await endRelease(tx, release.id, { state: 'rolled_back', closedAt, reason, analysis })
  const { stable, previous } = route
  await routes.write(tx, ctx, release.endpoint, route.rev, { stable, previous, canary: null })
  const swapped = { ...release, from: release.to, to: stable ?? '' }
  await tell({ events }, tx, ctx, 'release.rolled-back', swapped, { reason, analysis, at })
}

/** Stable and previous change places. Throws CONFLICT when there is no version to go back to. */
export async function swapBack(
  deps: MoveDeps,
  tx: Tx,
  ctx: Context,
  { endpoint, reason, at }: { endpoint: string; reason: string; at: string | null },
): Promise<Release> {
  const { clock, newId, routes } = deps
  const route = await routes.get(ctx, endpoint, tx)
  if (route.previous === null)
    throw new GyreError(
      'CONFLICT',
      `${endpoint} has no earlier version to go back to; it answers with ${route.stable ?? 'nothing'}`,
      { endpoint, stable: route.stable },
    )
  const now = clock.now().toISOString()
  const release: Release = {
    id: newId('rel'),
    endpoint,
    kind: 'rollback',
    state: 'promoted',
    plan: ReleasePlan.parse({ kind: 'immediate' }),
    from: route.stable,
    to: route.previous,
    forced: null,
    why: null,
    stage: 0,
    stageAt: null,
    openedAt: now,
    closedAt: now,
    at,
    actor: ctx.actor,
    reason,
    analysis: null,
  }
  await retire(tx, ctx, endpoint, 'rolled_back')
  await insertRelease(tx, ctx, release)
  await makeStable(deps, tx, ctx, route, route.previous)
  await tell(deps, tx, ctx, 'release.rolled-back', release, { reason, analysis: null })
  return release
}

/** The route row, the alias and the stages as one change. */
export async function makeStable(
  { routes, registry }: Pick<MoveDeps, 'routes' | 'registry'>,
  tx: Tx,
  ctx: Context,
  route: RouteState,
  model: string,
): Promise<void> {
  const arms = { stable: model, previous: route.stable, canary: null }
  await routes.write(tx, ctx, route.endpoint, route.rev, arms)
  await registry.putInProduction(tx, ctx, model)
}

/** Says what happened to the endpoint's traffic. */
export async function tell(
  { events }: { readonly events: Events },
  tx: Tx,
  ctx: Context,
  type: string,
  release: Release,
  data: Readonly<Record<string, JsonValue>>,
): Promise<void> {
  const { id, endpoint, kind, from, to, forced, why, at } = release
  await events.append(tx, ctx, {
    type,
    subject: { kind: 'endpoint', id: endpoint },
    data: { releaseId: id, kind, from, to, forced, why, at, ...data },
  })
}

function assertItsArm(route: RouteState, release: Release): void {
  const open = route.canary ?? route.shadow
  if (open?.releaseId !== release.id) throw notItsArm(route, release)
}

function notItsArm({ endpoint }: RouteState, { id: releaseId, kind }: Release): GyreError {
  return new GyreError('CONFLICT', `release ${releaseId} is no longer the ${kind} of ${endpoint}`, {
    releaseId,
    endpoint,
  })
}
