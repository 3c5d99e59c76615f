import type { MaterializeReply, MaterializeRequest } from '@gyre/sdk/wire/feature'
import type { Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import { assertNotFuture } from '../core/future.ts'
import { createTurns } from '../core/turns.ts'
import type { Catalog } from '../store/catalog.ts'
import type { LiveView, LiveViews } from './live-views.ts'

export interface MaterializeDeps {
  readonly catalog: Catalog
  readonly live: LiveViews
  readonly clock: Clock
}

/**
 * Moves rows into the online store; the reply comes after the watermark is on the disk. Throws
 * INVALID_ARGUMENT for an `until` in the future, since a watermark never goes back.
 */
export type Materialize = (ctx: Context, request: MaterializeRequest) => Promise<MaterializeReply>

/**
 * Rows first, then one durable write for the watermarks of all views: what it claims has been applied, and
 * memory that ran ahead of it shows nothing, since a read asks for rows as of its own instant. Calls of one
 * project take turns. A view whose watermark is later already is left as it is.
 */
export function createMaterialize({ catalog, live, clock }: MaterializeDeps): Materialize {
  const turns = createTurns()
  return async (ctx, { views: names, until }) => {
    assertNotFuture(new Date(until), 'until', clock)
    return turns(ctx.project, async () => {
      const untilMs = Date.parse(until)
      const wanted = names ?? [...(await live.registered(ctx)).keys()]
      const views = await live.openAll(ctx, wanted)
      const moved = await Promise.all(views.map((view) => move(view, untilMs)))
      const behind = views.filter((view) => isBehind(view, untilMs))
      await keepWatermarks(catalog, ctx, behind, untilMs)
      for (const view of behind) view.watermarkMs = untilMs
      return { until: new Date(untilMs).toISOString(), views: moved }
    })
  }
}

async function move(live: LiveView, untilMs: number): Promise<MaterializeReply['views'][number]> {
  const { view, watermarkMs } = live
  const from = watermarkMs === undefined ? null : new Date(watermarkMs).toISOString()
  const rows = isBehind(live, untilMs) ? await live.advance(untilMs) : 0
  return { view: view.spec.name, rows, from }
}

function isBehind({ watermarkMs }: LiveView, untilMs: number): boolean {
  return watermarkMs === undefined || watermarkMs < untilMs
}

async function keepWatermarks(
  catalog: Catalog,
  ctx: Context,
  views: readonly LiveView[],
  untilMs: number,
): Promise<void> {
  if (views.length === 0) return
  const rows = views.map(({ view }) => ({
    project: ctx.project,
    view: view.spec.name,
    until_ms: untilMs,
  }))
  await catalog.write((tx) =>
    tx
      .insertInto('feature_watermarks')
      .values(rows)
      .onConflict((conflict) =>
        conflict.columns(['project', 'view']).doUpdateSet({ until_ms: untilMs }),
      )
      .execute(),
  )
}
