import { rm } from 'node:fs/promises'
import { z } from 'zod'
import { ArtifactDigest } from '@gyre/sdk/wire/artifact'
import type { Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import type { Digest } from '../core/digest.ts'
import { numberCell } from '../data/cell.ts'
import type { StoredDataset } from '../data/dataset-version.ts'
import { recordedRun } from '../data/recorded-run.ts'
import { sqlText, type Analytics } from '../store/analytics.ts'
import type { Blobs } from '../store/blobs.ts'
import type { Catalog } from '../store/catalog.ts'
import type { Runs } from '../store/runs.ts'
import { assertColumns, type FeatureView } from './feature-view.ts'
import { viewSql } from './view-sql.ts'

/** Small, so that a reader of one day does not unpack a month. */
const ROW_GROUP_ROWS = 30_720

/** All rows of a view over one version of its dataset, as Parquet sorted by event time. */
export interface OfflineRows {
  readonly path: string
  readonly digest: Digest
  readonly rows: number
}

export interface OfflineDeps {
  readonly catalog: Catalog
  readonly blobs: Blobs
  readonly analytics: Analytics
  readonly runs: Runs
  readonly clock: Clock
}

export interface Offline {
  /** Computes the rows in a run of kind `features`, once: after that they are looked up. */
  rowsOf(ctx: Context, view: FeatureView, dataset: StoredDataset): Promise<OfflineRows>
}

export function createOffline(deps: OfflineDeps): Offline {
  const underWay = new Map<string, Promise<OfflineRows>>()
  return {
    rowsOf(ctx, view, dataset) {
      const key = `${ctx.project} ${view.digest} ${dataset.version.digest}`
      const running =
        underWay.get(key) ??
        findOrCompute(deps, ctx, view, dataset).finally(() => underWay.delete(key))
      underWay.set(key, running)
      return running
    },
  }
}

/** Names and DuckDB types of a dataset's columns. */
export function columnTypes(dataset: StoredDataset): ReadonlyMap<string, string> {
  return new Map(dataset.version.profile.map(({ name, type }) => [name, type]))
}

async function findOrCompute(
  deps: OfflineDeps,
  ctx: Context,
  view: FeatureView,
  dataset: StoredDataset,
): Promise<OfflineRows> {
  const kept = await deps.catalog.read
    .selectFrom('feature_files')
    .select(['digest', 'rows'])
    .where('project', '=', ctx.project)
    .where('view_digest', '=', view.digest)
    .where('dataset_digest', '=', dataset.version.digest)
    .executeTakeFirst()
  if (kept) {
    const { digest, rows } = z.object({ digest: ArtifactDigest, rows: z.number() }).parse(kept)
    return { digest, rows, path: deps.blobs.pathOf(digest) }
  }
  assertColumns(view.spec, columnTypes(dataset))
  const input = { ref: dataset.version.ref, role: 'dataset', digest: dataset.version.digest }
  const start = { kind: 'features', name: view.spec.name, inputs: [input] }
  return recordedRun(deps.runs, ctx, start, async (run) => {
    const rows = await compute(deps, view, dataset)
    await keep(deps, ctx, { view, dataset, rows, runId: run.id })
    return rows
  })
}

async function compute(
  { analytics, blobs }: OfflineDeps,
  view: FeatureView,
  dataset: StoredDataset,
): Promise<OfflineRows> {
  const source = {
    path: blobs.pathOf(ArtifactDigest.parse(dataset.version.digest)),
    types: columnTypes(dataset),
  }
  const path = blobs.newTempPath()
  try {
    await analytics.exec(
      `COPY (${viewSql(view.spec, source)}) TO ${sqlText(path)}
       (FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE ${ROW_GROUP_ROWS})`,
    )
    const [counted] = await analytics.query(
      `SELECT count(*) AS n FROM read_parquet(${sqlText(path)})`,
    )
    const { digest } = await blobs.adopt(path, 'application/vnd.apache.parquet')
    return { digest, rows: numberCell(counted, 'n'), path: blobs.pathOf(digest) }
  } finally {
    await rm(path, { force: true })
  }
}

interface Computed {
  readonly view: FeatureView
  readonly dataset: StoredDataset
  readonly rows: OfflineRows
  readonly runId: string
}

async function keep(
  { catalog, clock, runs }: OfflineDeps,
  ctx: Context,
  { view, dataset, rows, runId }: Computed,
): Promise<void> {
  await catalog.write(async (tx) => {
    await tx
      .insertInto('feature_files')
      .values({
        project: ctx.project,
        view_digest: view.digest,
        dataset_digest: dataset.version.digest,
        digest: rows.digest,
        rows: rows.rows,
        run_id: runId,
        created_at: clock.now().toISOString(),
      })
      .execute()
    const outputs = [{ ref: view.ref, role: 'features', digest: rows.digest }]
    await runs.finish(ctx, runId, { status: 'succeeded', outputs }, tx)
  })
}
