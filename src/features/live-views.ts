import type { Context } from '../core/context.ts'
import { createTurns } from '../core/turns.ts'
import type { Data } from '../data/data.ts'
import type { Analytics } from '../store/analytics.ts'
import type { Catalog } from '../store/catalog.ts'
import { ttlMs, type FeatureView } from './feature-view.ts'
import type { Offline } from './offline.ts'
import { createOfflineReader, type Take } from './offline-reader.ts'
import type { OnlineStore, OnlineView } from './online.ts'
import { newestViews, viewNamed } from './view-registry.ts'

/** A view that answers online. */
export interface LiveView {
  readonly view: FeatureView
  readonly datasetDigest: string
  readonly online: OnlineView
  readonly ttlMs: number
  /** Rows up to here are readable; undefined before the first materialization. */
  watermarkMs: number | undefined
  /** Makes the rows up to `untilMs` readable; returns how many there are since the watermark. */
  advance(untilMs: number): Promise<number>
}

export interface LiveViewsDeps {
  readonly catalog: Catalog
  readonly analytics: Analytics
  readonly data: Data
  readonly offline: Offline
  readonly online: OnlineStore
}

/** The views of this process, each opened once per version and per version of its dataset. */
export interface LiveViews {
  /** Newest views of the project, by name. */
  registered(ctx: Context): Promise<ReadonlyMap<string, FeatureView>>
  /** After a registration: look again. */
  forget(ctx: Context): void
  /** As it stood at its durable watermark. Throws NOT_FOUND. */
  open(ctx: Context, name: string): Promise<LiveView>
  /** Several at once, with one look at each dataset. Throws NOT_FOUND. */
  openAll(ctx: Context, names: readonly string[]): Promise<readonly LiveView[]>
  /** The view as last opened. */
  current(ctx: Context, name: string): LiveView | undefined
}

export function createLiveViews(deps: LiveViewsDeps): LiveViews {
  const registered = new Map<string, Promise<ReadonlyMap<string, FeatureView>>>()
  const live = new Map<string, LiveView>()
  const turns = createTurns()

  const views: LiveViews['registered'] = (ctx) => {
    const known = registered.get(ctx.project) ?? newestViews(deps.catalog, ctx.project)
    registered.set(ctx.project, known)
    known.catch(() => registered.delete(ctx.project))
    return known
  }

  const openAt = (ctx: Context, view: FeatureView, datasetDigest: string | undefined) => {
    const id = idOf(ctx, view.spec.name)
    return turns(id, async () => {
      const open = live.get(id)
      if (open?.view.digest === view.digest && open.datasetDigest === datasetDigest) return open
      const opened = await restore(deps, ctx, id, view)
      live.set(id, opened)
      return opened
    })
  }

  return {
    registered: views,
    forget: (ctx) => void registered.delete(ctx.project),
    current: (ctx, name) => live.get(idOf(ctx, name)),
    async open(ctx, name) {
      const view = viewNamed(await views(ctx), name)
      return openAt(ctx, view, await deps.data.newestDigest(ctx, view.spec.from))
    },
    async openAll(ctx, names) {
      const known = await views(ctx)
      const wanted = names.map((name) => viewNamed(known, name))
      const datasets = [...new Set(wanted.map(({ spec }) => spec.from))]
      const digests = new Map(
        await Promise.all(
          datasets.map(async (name) => [name, await deps.data.newestDigest(ctx, name)] as const),
        ),
      )
      return Promise.all(wanted.map((view) => openAt(ctx, view, digests.get(view.spec.from))))
    },
  }
}

function idOf(ctx: Context, name: string): string {
  return `${ctx.project}/${name}`
}

/** Computes the offline rows where need be, and fills the online store up to the durable watermark. */
async function restore(
  { catalog, analytics, data, offline, online }: LiveViewsDeps,
  ctx: Context,
  id: string,
  view: FeatureView,
): Promise<LiveView> {
  const dataset = await data.open(ctx, view.spec.from)
  const rows = await offline.rowsOf(ctx, view, dataset)
  const kept = await catalog.read
    .selectFrom('feature_watermarks')
    .select('until_ms')
    .where('project', '=', ctx.project)
    .where('view', '=', view.spec.name)
    .executeTakeFirst()
  const reader = createOfflineReader(analytics, view.spec, rows)
  online.drop(id)
  const onlineView = online.view(id)
  const take: Take = (batch, from, to) => onlineView.apply(batch, from, to)
  if (kept) await reader.advance(kept.until_ms, take)
  return {
    view,
    datasetDigest: dataset.version.digest,
    online: onlineView,
    ttlMs: ttlMs(view.spec),
    watermarkMs: kept?.until_ms,
    advance: (untilMs) => reader.advance(untilMs, take),
  }
}
