import type { Event } from '@gyre/sdk/wire/event'
import type { TriggerSpec } from '@gyre/sdk/wire/trigger'
import type { Context } from '../core/context.ts'
import type { Predictions } from '../predictions/predictions.ts'
import type { Releases } from '../release/release.ts'
import type { Routes } from '../routes/routes.ts'
import type { Catalog } from '../store/catalog.ts'
import { causeOfEvent, causeOfProgress, isCall, type Cause } from './cause.ts'
import { fire, type FiringDeps, type Scene } from './firing.ts'
import { findSince, startSince } from './since.ts'

export interface WatchDeps extends FiringDeps {
  readonly catalog: Catalog
  readonly predictions: Pick<Predictions, 'span' | 'counts'>
  readonly releases: Pick<Releases, 'findCanary'>
  readonly routes: Pick<Routes, 'get'>
  /** The triggers of the project as last applied. */
  readonly triggers: (ctx: Context) => Promise<readonly TriggerSpec[]>
}

/** The loop's place in the log of events. */
const CURSOR = 'loop'

const PAGE = 500

/** What came of a page of events. */
export interface Consumed {
  /** The last event that was read. */
  readonly seq: number
  readonly fired: boolean
}

/**
 * Reads a page of events behind `position` and fires what they call for; what a page calls for and the moved
 * cursor are one unit, so each event is acted upon exactly once. The cursor stays where it is for a few events
 * that call for nothing: reading those again is free of consequences. Undefined when there are no more.
 */
export async function consumeEvents(
  deps: WatchDeps,
  position: number,
): Promise<Consumed | undefined> {
  const cursor = await loadCursor(deps.catalog)
  const page = await deps.events.since(Math.max(cursor, position), PAGE)
  const last = page.at(-1)
  if (!last) return undefined
  const calls = await callsOf(deps, page)
  if (calls.length === 0 && page.length < PAGE) return { seq: last.seq, fired: false }
  const fired = await deps.catalog.write(async (tx) => {
    const moved = await tx
      .insertInto('loop_cursors')
      .values({ name: CURSOR, seq: last.seq })
      .onConflict((conflict) =>
        conflict
          .column('name')
          .doUpdateSet({ seq: last.seq })
          .where('loop_cursors.seq', '=', cursor),
      )
      .returning('seq')
      .executeTakeFirst()
    if (!moved) return false
    let any = false
    for (const { ctx, trigger, cause, scene } of calls)
      any = (await fire(deps, tx, ctx, trigger, cause, scene)) || any
    return any
  })
  return { seq: last.seq, fired }
}

interface Call {
  readonly ctx: Context
  readonly trigger: TriggerSpec
  readonly cause: Cause
  readonly scene: Scene
}

async function callsOf(deps: WatchDeps, page: readonly Event[]): Promise<Call[]> {
  const calls: Call[] = []
  for (const event of page) {
    if (!isCall(event)) continue
    const ctx = { project: event.project, actor: 'loop', requestId: event.id }
    for (const trigger of await deps.triggers(ctx)) {
      const cause = causeOfEvent(trigger, event)
      if (!cause) continue
      const own = asTrigger(ctx, trigger)
      calls.push({ ctx: own, trigger, cause, scene: await sceneOf(deps, own, trigger) })
    }
  }
  return calls
}

async function loadCursor(catalog: Catalog): Promise<number> {
  const row = await catalog.read
    .selectFrom('loop_cursors')
    .select('seq')
    .where('name', '=', CURSOR)
    .executeTakeFirst()
  return row?.seq ?? 0
}

export interface Progress {
  readonly endpoint: string
  readonly watermarkMs: number
  /** Look at triggers that count labels too, which reads the whole feedback. */
  readonly countLabels: boolean
}

/** Fires what the passing of event time and the coming of labels call for at one endpoint. True when it did. */
export async function watchProgress(
  deps: WatchDeps,
  asked: Context,
  { endpoint, watermarkMs, countLabels }: Progress,
): Promise<boolean> {
  let fired = false
  for (const trigger of await deps.triggers(asked)) {
    if (trigger.endpoint !== endpoint || !isOfProgress(trigger)) continue
    if (countsLabels(trigger) && !countLabels) continue
    const ctx = asTrigger(asked, trigger)
    const scene = await sceneOf(deps, ctx, trigger)
    const since =
      (await findSince(deps.catalog.read, ctx, trigger.name)) ??
      (await startSince(deps, ctx, trigger, watermarkMs))
    const cause = causeOfProgress(trigger, since, { watermarkMs, labels: scene.labels })
    if (!cause) continue
    fired = (await deps.catalog.write((tx) => fire(deps, tx, ctx, trigger, cause, scene))) || fired
  }
  return fired
}

function isOfProgress({ when }: TriggerSpec): boolean {
  return when.some(({ kind }) => kind === 'schedule' || kind === 'new-data')
}

function countsLabels({ when }: TriggerSpec): boolean {
  return when.some(({ kind }) => kind === 'new-data')
}

async function sceneOf(
  { routes, releases, predictions }: WatchDeps,
  ctx: Context,
  trigger: TriggerSpec,
): Promise<Scene> {
  const { endpoint } = trigger
  const canary = await releases.findCanary(ctx, endpoint)
  return {
    champion: (await routes.get(ctx, endpoint)).stable,
    canary: canary?.to ?? null,
    labels: countsLabels(trigger) ? (await predictions.counts(ctx, endpoint)).feedback : 0,
  }
}

function asTrigger(ctx: Context, { name }: TriggerSpec): Context {
  return { ...ctx, actor: `loop:${name}` }
}
