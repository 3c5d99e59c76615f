import type { ImportedLoggedModel, ImportLoggedModel, ImportOutcome } from '@gyre/sdk/wire/import'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { Tx } from '../store/catalog.ts'
import type { Events } from '../store/events.ts'
import { findExperimentByName } from './experiments.ts'
import { judgeLabels, labelFault, type JudgedLabels } from '../core/import-outcome.ts'
import { readModels, type LoggedModel } from './logged-model.ts'
import { logModelMetrics } from './model-metrics.ts'
import type { Label } from './tracked-run.ts'

/**
 * Makes a logged model of what another tracker kept, under its id, or adds what it lacks. Throws NOT_FOUND for the
 * experiment, CONFLICT for an id that stands for something else here.
 */
export async function importLoggedModel(
  { events }: { readonly events: Events },
  tx: Tx,
  ctx: Context,
  model: ImportLoggedModel,
): Promise<ImportedLoggedModel> {
  const found = await findExperimentByName(tx, ctx, model.experiment)
  if (!found)
    throw new GyreError('NOT_FOUND', `no experiment is named ${model.experiment}`, {
      name: model.experiment,
    })
  const known = await findModel(tx, ctx, model, found.number)
  const seq = known?.seq ?? (await insertModel(tx, ctx, model, found.number))
  if (!known) {
    const subject = { kind: 'logged-model', id: model.id }
    const data = { name: model.name, experiment: found.number }
    await events.append(tx, ctx, { type: 'logged-model.imported', subject, data })
  }
  const params = judgeLabels(model.params, toMap(known?.model.params))
  const tags = judgeLabels(model.tags, toMap(known?.model.tags))
  await insertLabels(tx, 'logged_model_params', seq, params.fresh)
  await insertLabels(tx, 'logged_model_tags', seq, tags.fresh)
  const metrics: ImportOutcome[] = []
  for (const metric of model.metrics)
    metrics.push(await addMetric(tx, ctx, model.id, known?.model, metric))
  return {
    outcome: known ? 'there' : 'imported',
    params: [...params.outcomes],
    tags: [...tags.outcomes],
    metrics,
  }
}

/** Throws CONFLICT for another model of its id, in any project. */
async function findModel(
  tx: Tx,
  { project }: Context,
  { id, name, sourceRun, createdMs }: ImportLoggedModel,
  experiment: number,
): Promise<{ readonly seq: number; readonly model: LoggedModel } | undefined> {
  const row = await tx
    .selectFrom('logged_models')
    .select(['seq', 'project'])
    .where('id', '=', id)
    .executeTakeFirst()
  if (!row) return undefined
  if (row.project !== project) throw new GyreError('CONFLICT', 'its id is taken')
  const [model] = await readModels(tx, [row.seq])
  const isSame =
    model?.experiment === experiment &&
    model.name === name &&
    model.sourceRun === (sourceRun ?? '') &&
    model.createdMs === createdMs
  if (!isSame) throw new GyreError('CONFLICT', 'another logged model of its id is here')
  return { seq: row.seq, model }
}

async function insertModel(
  tx: Tx,
  { project }: Context,
  model: ImportLoggedModel,
  experiment: number,
): Promise<number> {
  const { id, name, modelType, status, sourceRun, createdMs, updatedMs, deletedMs } = model
  const { seq } = await tx
    .insertInto('logged_models')
    .values({
      project,
      id,
      experiment,
      name,
      model_type: modelType ?? '',
      status,
      source_run: sourceRun ?? '',
      created_ms: createdMs,
      updated_ms: updatedMs,
      deleted_ms: deletedMs,
    })
    .returning('seq')
    .executeTakeFirstOrThrow()
  return seq
}

async function insertLabels(
  tx: Tx,
  table: 'logged_model_params' | 'logged_model_tags',
  model: number,
  labels: JudgedLabels['fresh'],
): Promise<void> {
  for (const { key, value } of labels)
    await tx.insertInto(table).values({ model, key, value }).execute()
}

function toMap(labels: readonly Label[] = []): ReadonlyMap<string, string> {
  return new Map(labels.map(({ key, value }) => [key, value]))
}

async function addMetric(
  tx: Tx,
  ctx: Context,
  model: string,
  known: LoggedModel | undefined,
  { run, datasetName, datasetDigest, ...point }: ImportLoggedModel['metrics'][number],
): Promise<ImportOutcome> {
  const fault = labelFault({ key: point.key, value: '' })
  if (fault !== undefined) return { refused: fault }
  const isThere = known?.metrics.some(
    (here) =>
      here.key === point.key &&
      here.step === point.step &&
      here.atMs === point.atMs &&
      here.run === run &&
      Object.is(here.value, point.value),
  )
  if (isThere) return 'there'
  const dataset =
    datasetName === null || datasetDigest === null
      ? {}
      : { dataset: { name: datasetName, digest: datasetDigest } }
  await logModelMetrics(tx, ctx, run, [{ ...point, model, ...dataset }])
  return 'imported'
}
