import { ViewSpec } from '@gyre/sdk/wire/feature'
import type { Selectable } from 'kysely'
import { GyreError } from '../core/errors.ts'
import { formatRef } from '../core/ref.ts'
import type { Catalog, Tx } from '../store/catalog.ts'
import type { Tables } from '../store/schema.ts'
import { viewDigest, type FeatureView } from './feature-view.ts'

/** Keeps the spec as the next version of its name, unless the newest one says the same. */
export async function keepView(tx: Tx, project: string, spec: ViewSpec, at: Date): Promise<void> {
  const digest = viewDigest(spec)
  const newest = await tx
    .selectFrom('feature_views')
    .select(['version', 'digest'])
    .where('project', '=', project)
    .where('name', '=', spec.name)
    .orderBy('version', 'desc')
    .limit(1)
    .executeTakeFirst()
  if (newest?.digest === digest) return
  const version = (newest?.version ?? 0) + 1
  await tx
    .insertInto('feature_views')
    .values({
      project,
      name: spec.name,
      version,
      digest,
      spec: JSON.stringify(spec),
      created_at: at.toISOString(),
    })
    .execute()
}

/** The newest version of each view, by name. */
export async function newestViews(
  catalog: Catalog,
  project: string,
): Promise<ReadonlyMap<string, FeatureView>> {
  const rows = await catalog.read
    .selectFrom('feature_views')
    .selectAll()
    .where('project', '=', project)
    .orderBy('name')
    .orderBy('version')
    .execute()
  return new Map(rows.map((row) => [row.name, fromRow(row)]))
}

/** Throws NOT_FOUND naming the views there are. */
export function viewNamed(views: ReadonlyMap<string, FeatureView>, name: string): FeatureView {
  const view = views.get(name)
  if (view) return view
  const known = [...views.keys()].join(', ')
  throw new GyreError('NOT_FOUND', `no such feature view: ${name}; there are ${known || 'none'}`, {
    view: name,
  })
}

/** `at_origin:late_rate`, taken apart. Throws NOT_FOUND when the view has no such feature. */
export function splitFeature(
  views: ReadonlyMap<string, FeatureView>,
  name: string,
): { readonly view: FeatureView; readonly feature: string } {
  const [viewName = '', feature = ''] = name.split(':')
  const view = viewNamed(views, viewName)
  const known = Object.keys(view.spec.features)
  if (known.includes(feature)) return { view, feature }
  throw new GyreError(
    'NOT_FOUND',
    `view ${viewName} has no feature ${feature}; it has ${known.join(', ')}`,
    { view: viewName, feature },
  )
}

function fromRow(row: Selectable<Tables['feature_views']>): FeatureView {
  const spec = ViewSpec.parse(JSON.parse(row.spec))
  const ref = formatRef({ kind: 'features', name: row.name, version: String(row.version) })
  return { spec, ref, digest: viewDigest(spec) }
}
