import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import { entityKey } from './entity-key.ts'
import type { LiveView, LiveViews } from './live-views.ts'
import { freshness } from './online.ts'
import { splitFeature } from './view-registry.ts'

/** Features of one request, in the order planned; null where NULL, unknown or too old. Never waits. */
export type Lookup = (
  fields: readonly (string | number | null)[],
  atMs: number,
) => (number | null)[]

/** What one view has to give. */
interface ViewPlan {
  readonly name: string
  /** Where the entity's parts stand among the fields. */
  readonly fields: readonly number[]
  readonly wanted: readonly Wanted[]
  /** Positions of the features within the rows of `view`; worked out anew when the view has changed. */
  resolved: { readonly live: LiveView; readonly positions: readonly number[] }
}

interface Wanted {
  readonly feature: string
  /** Position in the answer. */
  readonly to: number
}

/**
 * Works out once how to answer `featureNames` (`view:feature`) from requests whose fields are `fieldNames`.
 * Views are opened (and after a restart restored) here. Throws NOT_FOUND, and INVALID_ARGUMENT when an entity
 * column is no field.
 */
export async function planLookup(
  live: LiveViews,
  ctx: Context,
  featureNames: readonly string[],
  fieldNames: readonly string[],
): Promise<Lookup> {
  const views = await live.registered(ctx)
  const wantedOf = new Map<string, Wanted[]>()
  for (const [to, name] of featureNames.entries()) {
    const { view, feature } = splitFeature(views, name)
    const wanted = wantedOf.get(view.spec.name) ?? []
    wantedOf.set(view.spec.name, [...wanted, { feature, to }])
  }
  const plans = await Promise.all(
    [...wantedOf].map(async ([name, wanted]): Promise<ViewPlan> => {
      const opened = await live.open(ctx, name)
      const fields = entityFields(opened, fieldNames)
      return { name, fields, wanted, resolved: resolve(opened, wanted) }
    }),
  )
  return (fields, atMs) => {
    const answer = Array.from<number | null>({ length: featureNames.length }).fill(null)
    for (const plan of plans) fill(plan, live.current(ctx, plan.name), fields, atMs, answer)
    return answer
  }
}

function fill(
  plan: ViewPlan,
  view: LiveView | undefined,
  fields: readonly (string | number | null)[],
  atMs: number,
  answer: (number | null)[],
): void {
  if (view && view !== plan.resolved.live) plan.resolved = resolve(view, plan.wanted)
  const { live, positions } = plan.resolved
  const key = entityKey(plan.fields.map((field) => fields[field]))
  const row = key === undefined ? undefined : live.online.find(key, atMs)
  if (!row || freshness(row, atMs, live.ttlMs) !== 'PRESENT') return
  for (const [i, { to }] of plan.wanted.entries())
    answer[to] = row.values[positions[i] ?? -1] ?? null
}

function resolve(live: LiveView, wanted: readonly Wanted[]): ViewPlan['resolved'] {
  const features = Object.keys(live.view.spec.features)
  return { live, positions: wanted.map(({ feature }) => features.indexOf(feature)) }
}

function entityFields({ view }: LiveView, fieldNames: readonly string[]): readonly number[] {
  return view.spec.entity.map((column) => {
    const field = fieldNames.indexOf(column)
    if (field >= 0) return field
    throw new GyreError(
      'INVALID_ARGUMENT',
      `view ${view.spec.name} is looked up by ${column}, which is no field of the request (${fieldNames.join(', ')})`,
      { view: view.spec.name, field: column },
    )
  })
}
