import {
  ReleasePlan,
  type OpenRelease,
  type Release,
  type RouteState,
} from '@gyre/sdk/wire/release'
import type { ModelVersion } from '@gyre/sdk/wire/model'
import type { Context } from '../core/context.ts'
import { digestOf } from '../core/digest.ts'
import { GyreError } from '../core/errors.ts'
import { parseRef } from '../core/ref.ts'
import type { Registry } from '../registry/registry.ts'
import type { Tx } from '../store/catalog.ts'
import type { Arms } from '../routes/snapshot.ts'
import { banditWeight } from './bandit.ts'
import { makeStable, tell, type MoveDeps } from './moves.ts'
import { insertRelease, retire } from './release-row.ts'
import { stageOf } from './stages.ts'

export interface OpeningDeps extends MoveDeps {
  readonly registry: Pick<Registry, 'putInProduction' | 'assertReleasable'>
}

export interface Opening {
  readonly endpoint: string
  readonly version: ModelVersion
  readonly request: OpenRelease
  /** Event time of the endpoint. */
  readonly at: string | null
}

/** Salt of the split: the same for the same model behind the same endpoint, so that a replay repeats itself. */
export function saltOf(endpoint: string, modelDigest: string): string {
  return digestOf(`${endpoint} ${modelDigest}`).slice('sha256:'.length, 'sha256:'.length + 16)
}

/** Throws INVALID_ARGUMENT unless the version is one of the model the endpoint was declared for. */
export function assertItsModel(endpoint: string, expected: string, ref: string): void {
  const { name } = parseRef(ref)
  if (name === expected) return
  throw new GyreError(
    'INVALID_ARGUMENT',
    `model: endpoint ${endpoint} answers with versions of ${expected}, got ${ref}`,
    { field: 'model', expected, got: ref },
  )
}

/**
 * Opens a release within the caller's unit, after approval and verdict were looked at in that unit. The first
 * release of an endpoint, and an immediate one, takes all traffic at once; a canary its share.
 */
export async function openRelease(
  deps: OpeningDeps,
  tx: Tx,
  ctx: Context,
  opening: Opening,
): Promise<Release> {
  const { endpoint, version, request } = opening
  const route = await deps.routes.get(ctx, endpoint, tx)
  assertFree(route, version.ref)
  assertRoom(request.plan)
  const verdict =
    request.force === undefined
      ? await deps.registry.assertReleasable(tx, ctx, version.ref)
      : undefined
  const release = newRelease(deps, ctx, route, opening)
  const isOpen = release.state === 'open'
  if (!isOpen) await retire(tx, ctx, endpoint, 'superseded')
  await insertRelease(tx, ctx, release)
  const gate = { gate: verdict?.gate ?? null, gateDigest: verdict?.gateDigest ?? null }
  await tell(deps, tx, ctx, 'release.opened', release, { ...gate, plan: release.plan })
  if (isOpen) {
    const arms = { ...armsBesides(route), ...armOf(release, version) }
    await deps.routes.write(tx, ctx, endpoint, route.rev, arms)
  } else {
    await makeStable(deps, tx, ctx, route, version.ref)
    await tell(deps, tx, ctx, 'release.promoted', release, { reason: release.reason })
  }
  return release
}

function armsBesides({ stable, previous }: RouteState): Arms {
  return { stable, previous, canary: null }
}

/** The part of the route that a release in the open adds. */
function armOf({ id, endpoint, plan, stage }: Release, version: ModelVersion): Partial<Arms> {
  const { slowMs, sampleBp, tolerance } = plan
  const arm = { model: version.ref, releaseId: id }
  if (plan.kind === 'shadow') return { shadow: { ...arm, sampleBp, tolerance } }
  const canary = {
    ...arm,
    weightBp: firstWeight(plan, stage),
    salt: saltOf(endpoint, version.digest),
    ...(slowMs !== null && { slowMs }),
  }
  return { canary }
}

function firstWeight(plan: ReleasePlan, stage: number): number {
  // Green is warm, and answers those alone who ask for it, until the switch.
  if (plan.kind === 'blue-green') return 0
  if (plan.kind === 'bandit') return banditWeight(plan, { canary: NOTHING, stable: NOTHING })
  return stageOf({ plan, stage }).weightBp
}

const NOTHING = { requests: 0, successes: 0, failures: 0 }

function newRelease(
  { clock, newId }: OpeningDeps,
  ctx: Context,
  route: RouteState,
  { endpoint, version, request, at }: Opening,
): Release {
  const isFirst = route.stable === null
  const kind = isFirst ? 'immediate' : (request.plan.kind ?? 'canary')
  const now = clock.now().toISOString()
  const base = {
    id: newId('rel'),
    endpoint,
    kind,
    plan: ReleasePlan.parse({ ...request.plan, kind }),
    from: route.stable,
    to: version.ref,
    forced: request.force ?? null,
    why: request.why ?? null,
    stage: 0,
    stageAt: at,
    openedAt: now,
    at,
    actor: ctx.actor,
    analysis: null,
  }
  if (kind !== 'immediate') return { ...base, state: 'open', closedAt: null, reason: null }
  const reason = isFirst ? 'the first release of the endpoint' : 'asked for at once'
  return { ...base, state: 'promoted', closedAt: now, reason }
}

/** Throws INVALID_ARGUMENT where a bandit's cap lies below its floor. */
function assertRoom({ floorBp = 0, capBp = 10_000 }: OpenRelease['plan']): void {
  if (floorBp <= capBp) return
  throw new GyreError(
    'INVALID_ARGUMENT',
    `plan.capBp: expected at least the floor of ${floorBp}, got ${capBp}`,
    { field: 'plan.capBp', floorBp, capBp },
  )
}

function assertFree({ endpoint, canary, shadow, stable }: RouteState, ref: string): void {
  const open = canary ?? shadow
  if (open)
    throw new GyreError(
      'CONFLICT',
      `${endpoint} has an open release of ${open.model}: end it with "gyre promote ${endpoint}" or "gyre rollback ${endpoint}"`,
      { endpoint, open: open.model },
    )
  if (stable === ref)
    throw new GyreError('CONFLICT', `${ref} is the stable version of ${endpoint} already`, {
      endpoint,
      stable,
    })
}
