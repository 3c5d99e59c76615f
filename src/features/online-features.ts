import type {
  FeatureStatus,
  OnlineFeaturesReply,
  OnlineFeaturesRequest,
} from '@gyre/sdk/wire/feature'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import { entityKey } from './entity-key.ts'
import type { LiveView, LiveViews } from './live-views.ts'
import { freshness } from './online.ts'
import { splitFeature } from './view-registry.ts'

/** Answers a request for features of many entities. Throws NOT_FOUND and INVALID_ARGUMENT naming the field. */
export async function onlineFeatures(
  live: LiveViews,
  ctx: Context,
  request: OnlineFeaturesRequest,
  nowMs: number,
): Promise<OnlineFeaturesReply> {
  const atMs = request.at === undefined ? nowMs : Date.parse(request.at)
  const views = await live.registered(ctx)
  const columns = await Promise.all(
    request.features.map(async (name) => {
      const { view, feature } = splitFeature(views, name)
      return { live: await live.open(ctx, view.spec.name), feature }
    }),
  )
  const rowCount = countRows(request)
  for (const column of columns) assertEntities(column.live, request)
  const rows = Array.from({ length: rowCount }, (_, row) => {
    const cells = columns.map((column) => cellOf(column.live, column.feature, request, row, atMs))
    return {
      values: cells.map(({ value }) => value),
      statuses: cells.map(({ status }) => status),
      eventTimes: cells.map(({ eventTime }) => eventTime),
    }
  })
  return { names: [...request.features], rows }
}

interface OnlineCell {
  readonly value: number | null
  readonly status: FeatureStatus
  readonly eventTime: string | null
}

function cellOf(
  { view, online, ttlMs }: LiveView,
  feature: string,
  { entities }: OnlineFeaturesRequest,
  row: number,
  atMs: number,
): OnlineCell {
  const key = entityKey(view.spec.entity.map((name) => entities[name]?.[row]))
  const found = key === undefined ? undefined : online.find(key, atMs)
  const fresh = freshness(found, atMs, ttlMs)
  const eventTime = found ? new Date(found.eventMs).toISOString() : null
  if (!found || fresh !== 'PRESENT') return { value: null, status: fresh, eventTime }
  const value = found.values[Object.keys(view.spec.features).indexOf(feature)] ?? null
  return { value, status: value === null ? 'NULL_VALUE' : 'PRESENT', eventTime }
}

function countRows({ entities }: OnlineFeaturesRequest): number {
  const lengths = Object.entries(entities).map(([name, values]) => ({ name, rows: values.length }))
  const rows = lengths[0]?.rows ?? 1
  const odd = lengths.find((length) => length.rows !== rows)
  if (!odd) return rows
  throw invalid(`entities.${odd.name}`, `expected ${rows} values like the others, got ${odd.rows}`)
}

function assertEntities({ view }: LiveView, { entities }: OnlineFeaturesRequest): void {
  for (const name of view.spec.entity)
    if (!(name in entities))
      throw invalid(`entities.${name}`, `expected: view ${view.spec.name} is looked up by it`)
}

function invalid(field: string, message: string): GyreError {
  return new GyreError('INVALID_ARGUMENT', `${field}: ${message}`, { field })
}
