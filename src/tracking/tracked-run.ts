import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import { groupBy } from '../core/group.ts'
import { among } from '../store/among.ts'
import type { Tx } from '../store/catalog.ts'
import type { ChunkPoint, Int64 } from '../store/metric-chunks.ts'
import type { Phase } from '../store/runs.ts'
import { datasetsOf, type DatasetInput } from './dataset-input.ts'
import { modelUsesOf, type ModelUse } from './model-use.ts'

export interface Label {
  readonly key: string
  readonly value: string
}

export interface NamedPoint extends ChunkPoint {
  readonly key: string
}

/** A run that a client logs under an experiment. Times are epoch milliseconds. */
export interface TrackedRun {
  readonly id: string
  readonly experiment: number
  readonly name: string
  readonly userId: string
  readonly phase: Phase
  readonly startMs: Int64
  readonly endMs: Int64 | undefined
  readonly isDeleted: boolean
  /** The newest point of each key. */
  readonly metrics: readonly NamedPoint[]
  readonly params: readonly Label[]
  readonly tags: readonly Label[]
  readonly datasets: readonly DatasetInput[]
  /** Logged models that it used, and those that it made. */
  readonly modelInputs: readonly ModelUse[]
  readonly modelOutputs: readonly ModelUse[]
}

/** What finds the row and its parts. */
export interface RunPlace {
  /** `runs.seq`. */
  readonly seq: number
  readonly isDeleted: boolean
}

/** Throws NOT_FOUND. */
export async function placeOf(db: Tx, ctx: Context, id: string): Promise<RunPlace> {
  const row = await db
    .selectFrom('runs')
    .select(['seq', 'deleted_ms'])
    .where('project', '=', ctx.project)
    .where('id', '=', id)
    .where('experiment', 'is not', null)
    .executeTakeFirst()
  if (!row) throw new GyreError('NOT_FOUND', `Run with id=${id} not found`, { run: id })
  return { seq: row.seq, isDeleted: row.deleted_ms !== null }
}

/** Throws NOT_FOUND, and CONFLICT for a deleted run. */
export async function activePlaceOf(db: Tx, ctx: Context, id: string): Promise<RunPlace> {
  const place = await placeOf(db, ctx, id)
  if (place.isDeleted)
    throw new GyreError('CONFLICT', `run ${id} is deleted: restore it first`, { run: id })
  return place
}

const PHASES: readonly Phase[] = ['RUNNING', 'SCHEDULED', 'FINISHED', 'FAILED', 'KILLED']

/** Runs in the order of `seqs`: six indexed queries however many they are, none of them of a history. */
export async function readRuns(db: Tx, seqs: readonly number[]): Promise<TrackedRun[]> {
  if (seqs.length === 0) return []
  const [rows, metrics, params, tags, datasets, uses] = await Promise.all([
    db
      .selectFrom('runs')
      .select(['seq', 'id', 'experiment', 'name', 'user_id', 'phase'])
      .select(['start_ms', 'end_ms', 'deleted_ms'])
      .where('seq', 'in', among(seqs))
      .execute(),
    db
      .selectFrom('run_metrics')
      .select(['run', 'key', 'value', 'step', 'at_ms'])
      .where('run', 'in', among(seqs))
      .execute(),
    db
      .selectFrom('run_params')
      .select(['run', 'key', 'value'])
      .where('run', 'in', among(seqs))
      .execute(),
    db
      .selectFrom('run_tags')
      .select(['run', 'key', 'value'])
      .where('run', 'in', among(seqs))
      .execute(),
    datasetsOf(db, seqs),
    modelUsesOf(db, seqs),
  ])
  const metricsOf = groupBy(metrics, ({ run }) => run)
  const paramsOf = groupBy(params, ({ run }) => run)
  const tagsOf = groupBy(tags, ({ run }) => run)
  const bySeq = new Map(rows.map((row) => [row.seq, row]))
  return seqs.flatMap((seq) => {
    const row = bySeq.get(seq)
    if (!row || row.experiment === null) return []
    const { id, experiment, name, user_id, start_ms, end_ms, deleted_ms } = row
    return [
      {
        id,
        experiment,
        name,
        userId: user_id ?? '',
        phase: PHASES.find((phase) => phase === row.phase) ?? 'RUNNING',
        startMs: start_ms,
        endMs: end_ms ?? undefined,
        isDeleted: deleted_ms !== null,
        metrics: (metricsOf.get(seq) ?? []).map(({ key, value, step, at_ms }) => ({
          key,
          value: value ?? Number.NaN,
          step,
          atMs: at_ms,
        })),
        params: (paramsOf.get(seq) ?? []).map(toLabel),
        tags: (tagsOf.get(seq) ?? []).map(toLabel),
        datasets: datasets.get(seq) ?? [],
        modelInputs: uses.get(seq)?.inputs ?? [],
        modelOutputs: uses.get(seq)?.outputs ?? [],
      },
    ]
  })
}

function toLabel({ key, value }: Label): Label {
  return { key, value }
}
