import { sql } from 'kysely'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import { groupBy } from '../core/group.ts'
import { among } from '../store/among.ts'
import type { Tx } from '../store/catalog.ts'
import { toInt64, type ChunkPoint } from '../store/metric-chunks.ts'
import type { Label } from './tracked-run.ts'

/** `UPLOAD_FAILED` where MLflow has words of its own. */
export type ModelStatus = 'PENDING' | 'READY' | 'FAILED'

/** What a client calls a dataset. */
export interface DatasetName {
  readonly name: string
  readonly digest: string
}

/** A measurement of a model by a run. */
export interface ModelPoint extends ChunkPoint {
  readonly key: string
  readonly run: string
  readonly dataset: DatasetName | undefined
}

/** A model that a client logs under an experiment; its files are artifacts. Times are epoch milliseconds. */
export interface LoggedModel {
  readonly id: string
  readonly experiment: number
  readonly name: string
  /** Empty when its maker said none, as is `sourceRun`. */
  readonly modelType: string
  readonly sourceRun: string
  readonly status: ModelStatus
  readonly createdMs: number
  readonly updatedMs: number
  readonly isDeleted: boolean
  readonly params: readonly Label[]
  readonly tags: readonly Label[]
  /** Every one, in the order they came. */
  readonly metrics: readonly ModelPoint[]
}

export interface ModelPlace {
  /** `logged_models.seq`. */
  readonly seq: number
  readonly isDeleted: boolean
}

/** Throws NOT_FOUND; a deleted model is found. */
export async function modelPlaceOf(db: Tx, ctx: Context, id: string): Promise<ModelPlace> {
  const row = await db
    .selectFrom('logged_models')
    .select(['seq', 'deleted_ms'])
    .where('project', '=', ctx.project)
    .where('id', '=', id)
    .executeTakeFirst()
  if (!row) throw noModel(id)
  return { seq: row.seq, isDeleted: row.deleted_ms !== null }
}

export function noModel(id: string): GyreError {
  return new GyreError('NOT_FOUND', `Logged model with ID '${id}' not found.`, { model: id })
}

/** Models in the order of `seqs`: four indexed queries however many they are. */
export async function readModels(db: Tx, seqs: readonly number[]): Promise<LoggedModel[]> {
  if (seqs.length === 0) return []
  const [rows, params, tags, metrics] = await Promise.all([
    db.selectFrom('logged_models').selectAll().where('seq', 'in', among(seqs)).execute(),
    readLabels(db, 'logged_model_params', seqs),
    readLabels(db, 'logged_model_tags', seqs),
    db
      .selectFrom('logged_model_metrics')
      .select(['model', 'key', 'value', 'run', 'dataset_name', 'dataset_digest'])
      .select([
        sql<string>`CAST(step AS TEXT)`.as('step'),
        sql<string>`CAST(at_ms AS TEXT)`.as('at'),
      ])
      .where('model', 'in', among(seqs))
      .orderBy('seq')
      .execute(),
  ])
  const bySeq = new Map(rows.map((row) => [row.seq, row]))
  const metricsOf = groupBy(metrics, ({ model }) => model)
  return seqs.flatMap((seq) => {
    const row = bySeq.get(seq)
    if (!row) return []
    return [
      {
        id: row.id,
        experiment: row.experiment,
        name: row.name,
        modelType: row.model_type,
        sourceRun: row.source_run,
        status: row.status,
        createdMs: row.created_ms,
        updatedMs: row.updated_ms,
        isDeleted: row.deleted_ms !== null,
        params: params.get(seq) ?? [],
        tags: tags.get(seq) ?? [],
        metrics: (metricsOf.get(seq) ?? []).map(toPoint),
      },
    ]
  })
}

/** Labels of each model by key. */
async function readLabels(
  db: Tx,
  table: 'logged_model_params' | 'logged_model_tags',
  seqs: readonly number[],
): Promise<ReadonlyMap<number, readonly Label[]>> {
  const rows = await db
    .selectFrom(table)
    .selectAll()
    .where('model', 'in', among(seqs))
    .orderBy('model')
    .orderBy('key')
    .execute()
  const labels = rows.map(({ model, key, value }) => ({ model, label: { key, value } }))
  const grouped = groupBy(labels, ({ model }) => model)
  return new Map([...grouped].map(([model, all]) => [model, all.map(({ label }) => label)]))
}

interface MetricRow {
  readonly key: string
  readonly value: number | null
  readonly run: string
  readonly dataset_name: string | null
  readonly dataset_digest: string | null
  readonly step: string
  readonly at: string
}

function toPoint(row: MetricRow): ModelPoint {
  const { key, value, run, dataset_name: name, dataset_digest: digest, step, at } = row
  return {
    key,
    value: value ?? Number.NaN,
    step: toInt64(step),
    atMs: toInt64(at),
    run,
    dataset: name === null || digest === null ? undefined : { name, digest },
  }
}
