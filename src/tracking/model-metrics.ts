import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { Tx } from '../store/catalog.ts'
import type { RunPoint } from '../store/run-metrics.ts'
import type { DatasetName } from './logged-model.ts'

/** A point of a run that may also measure a model, perhaps on a dataset. */
export interface LoggedPoint extends RunPoint {
  /** The id of a logged model. */
  readonly model?: string
  readonly dataset?: DatasetName
}

/** Ten values a row, and SQLite takes 32,766 in one statement. */
const ROWS_PER_INSERT = 3_000

/**
 * Keeps, of the points that a run logs, those that measure a model. The same point again changes nothing. Throws
 * INVALID_ARGUMENT for a model that the project does not have.
 */
export async function logModelMetrics(
  tx: Tx,
  ctx: Context,
  run: string,
  points: readonly LoggedPoint[],
): Promise<void> {
  const measured = points.flatMap(({ model, ...point }) => (model ? [{ model, ...point }] : []))
  if (measured.length === 0) return
  const seqs = await seqsOf(tx, ctx, new Set(measured.map(({ model }) => model)))
  const rows = measured.map(({ model, key, value, step, atMs, dataset }) => ({
    model: seqs.get(model) ?? 0,
    key,
    at_ms: atMs,
    step,
    run,
    value: Number.isNaN(value) ? null : value,
    dataset_name: dataset?.name ?? null,
    dataset_digest: dataset?.digest ?? null,
  }))
  for (let start = 0; start < rows.length; start += ROWS_PER_INSERT)
    await tx
      .insertInto('logged_model_metrics')
      .values(rows.slice(start, start + ROWS_PER_INSERT))
      .onConflict((conflict) => conflict.doNothing())
      .execute()
}

async function seqsOf(
  tx: Tx,
  { project }: Context,
  ids: ReadonlySet<string>,
): Promise<ReadonlyMap<string, number>> {
  const rows = await tx
    .selectFrom('logged_models')
    .select(['id', 'seq'])
    .where('project', '=', project)
    .where('id', 'in', [...ids])
    .execute()
  const seqs = new Map(rows.map(({ id, seq }) => [id, seq]))
  for (const id of ids)
    if (!seqs.has(id))
      throw new GyreError('INVALID_ARGUMENT', `model_id: no logged model has the id '${id}'`, {
        field: 'model_id',
      })
  return seqs
}
