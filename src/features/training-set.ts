import { rm } from 'node:fs/promises'
import { ArtifactDigest } from '@gyre/sdk/wire/artifact'
import type { TransformSpec } from '@gyre/sdk/wire/feature'
import type { RowSet, TrainingSetSpec } from '@gyre/sdk/wire/pipeline'
import type { RunRef } from '@gyre/sdk/wire/run'
import { z } from 'zod'
import type { Context } from '../core/context.ts'
import { durationMs } from '../core/duration.ts'
import { GyreError } from '../core/errors.ts'
import { numberCell } from '../data/cell.ts'
import type { Data } from '../data/data.ts'
import type { StoredDataset } from '../data/dataset-version.ts'
import { sqlInstant } from '../data/instant.ts'
import { sqlName, sqlText, type Analytics } from '../store/analytics.ts'
import type { Blobs } from '../store/blobs.ts'
import { ttlMs, type FeatureView } from './feature-view.ts'
import type { LiveViews } from './live-views.ts'
import type { Offline } from './offline.ts'
import { pointInTimeSql, type JoinedView } from './point-in-time.ts'
import {
  fieldsOf,
  ROW_COLUMNS,
  trainingRowsSql,
  type RowsWindow,
  type ServedRows,
} from './training-rows.ts'
import { splitFeature } from './view-registry.ts'

/** Which rows to take, besides what the spec says. */
export interface TrainingSetRequest {
  /** Labels known later do not count. ISO instant. */
  readonly until: string
  /** How far back from `until`; `0` = since 1970. */
  readonly window: string
  /** Those that the spec's inputs name, at least. */
  readonly transforms: readonly TransformSpec[]
  readonly served?: ServedRows | undefined
  /** As `trainingSources` told them; the newest versions unless told. */
  readonly sources?: TrainingSources
}

/** Digests of what a training set reads: equal ones, with equal requests, give equal rows. */
export const TrainingSources = z.strictObject({
  dataset: z.string(),
  views: z.array(z.strictObject({ view: z.string(), dataset: z.string() })),
})
export type TrainingSources = z.infer<typeof TrainingSources>

export interface TrainingSet {
  readonly train: RowSet
  /** The newest part, held out. */
  readonly newest: RowSet
  /** What was read, for lineage. */
  readonly read: readonly RunRef[]
}

/** A view that a training set uses, with the features it takes from it. */
export interface UsedView {
  readonly view: FeatureView
  readonly source: StoredDataset
  readonly features: readonly string[]
}

export interface TrainingSetDeps {
  readonly analytics: Analytics
  readonly blobs: Blobs
  readonly data: Data
  readonly offline: Offline
  readonly live: LiveViews
  /** Throws LABEL_LEAK. */
  readonly assertHonest: (
    ctx: Context,
    dataset: StoredDataset,
    views: readonly UsedView[],
    fields: readonly string[],
  ) => Promise<void>
}

/**
 * The views behind the feature inputs of a spec, as they are defined now, over the rows that `sources` names
 * for them. Throws NOT_FOUND.
 */
export async function usedViews(
  { data, live }: Pick<TrainingSetDeps, 'data' | 'live'>,
  ctx: Context,
  spec: TrainingSetSpec,
  sources?: TrainingSources,
): Promise<readonly UsedView[]> {
  const datasetOf = new Map(sources?.views.map(({ view, dataset }) => [view, dataset]))
  const views = await live.registered(ctx)
  const featuresOf = new Map<FeatureView, Set<string>>()
  for (const input of spec.inputs) {
    if (input.kind !== 'feature') continue
    const { view, feature } = splitFeature(views, `${input.view}:${input.feature}`)
    featuresOf.set(view, (featuresOf.get(view) ?? new Set()).add(feature))
  }
  return Promise.all(
    [...featuresOf].map(async ([view, features]) => ({
      view,
      source: await openAt(data, ctx, view.spec.from, datasetOf.get(view.digest)),
      features: [...features].toSorted(),
    })),
  )
}

/**
 * Writes the labelled rows of a window with every input as it was known at the row's own time, ordered by
 * time and subject: equal data and spec give equal bytes. Throws LABEL_LEAK, INVALID_ARGUMENT, NOT_FOUND.
 */
export async function makeTrainingSet(
  deps: TrainingSetDeps,
  ctx: Context,
  spec: TrainingSetSpec,
  request: TrainingSetRequest,
): Promise<TrainingSet> {
  const dataset = await openAt(deps.data, ctx, spec.dataset, request.sources?.dataset)
  const used = await usedViews(deps, ctx, spec, request.sources)
  const fields = fieldsOf(spec.inputs, request.transforms)
  await deps.assertHonest(ctx, dataset, used, fields)
  const joined = await Promise.all(used.map((view) => joinedView(deps, ctx, view)))
  const window = windowOf(request)
  const cutMs = window.untilMs - durationMs(spec.holdout, 'holdout')
  const path = deps.blobs.pathOf(ArtifactDigest.parse(dataset.version.digest))
  const entities = used.flatMap(({ view }) => view.spec.entity)
  const needed = [...new Set([...fields, ...entities])]
  const { served } = request
  const relation = trainingRowsSql({ spec, dataset, path, fields: needed, window, served })
  const columns = [
    ...new Set([...Object.values(ROW_COLUMNS), ...fields]),
    ...joined.flatMap(({ view }) => view.features.map((feature) => `${view.name}:${feature}`)),
  ]
  const rows = pointInTimeSql(
    { relation, at: ROW_COLUMNS.at, untilMs: window.untilMs },
    joined.map(({ view }) => view),
  )
  const [train, newest] = await writeRowSets(deps, spec, columns, rows, { ...window, cutMs })
  return {
    train,
    newest,
    read: [
      { ref: dataset.version.ref, role: 'rows', digest: dataset.version.digest },
      ...joined.map(({ ref, digest }) => ({ ref, role: 'features', digest })),
    ],
  }
}

function openAt(data: Data, ctx: Context, name: string, digest: string | undefined) {
  return digest === undefined ? data.open(ctx, name) : data.openDigest(ctx, name, digest)
}

async function joinedView(
  { offline }: TrainingSetDeps,
  ctx: Context,
  { view, source, features }: UsedView,
): Promise<{ readonly view: JoinedView; readonly ref: string; readonly digest: string }> {
  const { path, digest } = await offline.rowsOf(ctx, view, source)
  const { name, entity } = view.spec
  return {
    view: { name, path, entity, ttlMs: ttlMs(view.spec), features },
    ref: view.ref,
    digest,
  }
}

function windowOf({ until, window }: TrainingSetRequest): RowsWindow {
  const untilMs = Date.parse(until)
  if (Number.isNaN(untilMs))
    throw new GyreError('INVALID_ARGUMENT', `until: expected an ISO instant, got ${until}`)
  const widthMs = durationMs(window, 'window')
  return { fromMs: widthMs === 0 ? 0 : untilMs - widthMs, untilMs }
}

type Cut = RowsWindow & { readonly cutMs: number }

async function writeRowSets(
  { analytics, blobs }: TrainingSetDeps,
  spec: TrainingSetSpec,
  columns: readonly string[],
  rows: string,
  { fromMs, cutMs, untilMs }: Cut,
): Promise<readonly [RowSet, RowSet]> {
  const paths = [blobs.newTempPath(), blobs.newTempPath()] as const
  const { at, subject, label } = ROW_COLUMNS
  const copy = (side: string, path: string) =>
    `COPY (SELECT ${columns.map(sqlName).join(', ')} FROM training_rows
       WHERE ${sqlName(at)} ${side} ${sqlInstant(cutMs)} ORDER BY ${sqlName(at)}, ${subject})
     TO ${sqlText(path)} (FORMAT parquet, COMPRESSION snappy)`
  const keep = async (path: string, from: number, until: number): Promise<RowSet> => {
    const [counted] = await analytics.query(
      `SELECT count(*) AS n FROM read_parquet(${sqlText(path)})`,
    )
    const { digest } = await blobs.adopt(path, 'application/vnd.apache.parquet')
    const [fromText, untilText] = [new Date(from).toISOString(), new Date(until).toISOString()]
    const names = { label, at, subject, inputs: spec.inputs }
    return { digest, rows: numberCell(counted, 'n'), from: fromText, until: untilText, ...names }
  }
  try {
    await analytics.exec(
      `CREATE OR REPLACE TEMP TABLE training_rows AS ${rows};
       ${copy('<', paths[0])}; ${copy('>=', paths[1])}; DROP TABLE training_rows`,
    )
    return [await keep(paths[0], fromMs, cutMs), await keep(paths[1], cutMs, untilMs)]
  } finally {
    await Promise.all(paths.map((path) => rm(path, { force: true })))
  }
}
