import { isDeepStrictEqual } from 'node:util'
import type { ImportedRun, ImportRun } from '@gyre/sdk/wire/import'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import { adoptRun, amendAdoptedRun, type RunHead } from '../store/adopted-run.ts'
import type { Tx } from '../store/catalog.ts'
import type { Events } from '../store/events.ts'
import { paramCell } from '../store/run-labels.ts'
import { logToRun } from '../store/run-metrics.ts'
import { findExperimentByName, getExperiment, type Experiment } from './experiments.ts'
import { importDatasets, importModelUses } from './import-inputs.ts'
import { judgeLabels } from '../core/import-outcome.ts'

/** Tags that say the same as a column of the run. */
const [NAME_TAG, PARENT_TAG] = ['mlflow.runName', 'mlflow.parentRunId']

/**
 * Makes a run of what another tracker kept, or adds to it what it lacks. Throws NOT_FOUND for the experiment,
 * CONFLICT for an id that stands for something else here, INVALID_ARGUMENT.
 */
export async function importRun(
  { events }: { readonly events: Events },
  tx: Tx,
  ctx: Context,
  run: ImportRun,
): Promise<ImportedRun> {
  const experiment = await experimentNamed(tx, ctx, run.experiment)
  const known = await findRow(tx, run.id)
  if (!known && experiment.isDeleted && run.deletedMs === null)
    throw new GyreError('CONFLICT', `the experiment ${run.experiment} is deleted here`)
  const seq = known
    ? checkKnown(ctx, run, experiment, known)
    : await adopt(tx, ctx, run, experiment)
  const isChanged = known ? await takeChanges(tx, run, known) : true
  if (!known) {
    const data = { format: run.format, experiment: experiment.number, phase: run.phase }
    const subject = { kind: 'run', id: run.id }
    await events.append(tx, ctx, { type: 'run.imported', subject, data })
  }
  const labels = await addLabels(tx, ctx, seq, run, isChanged)
  await linkParents(tx, ctx, seq, run)
  return {
    outcome: isChanged ? 'imported' : 'there',
    ...labels,
    datasets: await importDatasets(tx, seq, run.datasets),
    models: await importModelUses(tx, seq, run.models),
    series: await seriesOf(tx, seq),
  }
}

async function experimentNamed(tx: Tx, ctx: Context, name: string) {
  const found = await findExperimentByName(tx, ctx, name)
  if (!found) throw new GyreError('NOT_FOUND', `no experiment is named ${name}`, { name })
  return getExperiment(tx, ctx, found.number)
}

type Known = NonNullable<Awaited<ReturnType<typeof findRow>>>

/** A run of any project: an id is given once. */
async function findRow(tx: Tx, id: string) {
  return tx
    .selectFrom('runs')
    .leftJoin('run_imports', 'run_imports.run', 'runs.seq')
    .select(['runs.seq', 'runs.project', 'runs.experiment', 'runs.start_ms'])
    .select(['runs.name', 'runs.phase', 'runs.end_ms', 'runs.deleted_ms'])
    .select(['run_imports.format', 'run_imports.name as came_name'])
    .select(['run_imports.phase as came_phase', 'run_imports.end_ms as came_end_ms'])
    .select('run_imports.deleted_ms as came_deleted_ms')
    .where('runs.id', '=', id)
    .executeTakeFirst()
}

async function adopt(
  tx: Tx,
  ctx: Context,
  run: ImportRun,
  { number: experiment }: Experiment,
): Promise<number> {
  const { id, userId, startMs, format, name, phase, endMs, deletedMs } = run
  const head = { name, phase, endMs, deletedMs }
  const seq = await adoptRun(tx, ctx, { id, experiment, userId, startMs, ...head })
  await tx
    .insertInto('run_imports')
    .values({ run: seq, format, ...cameAs(run) })
    .execute()
  return seq
}

/** Throws CONFLICT unless the row is of the run that is imported. */
function checkKnown(
  { project }: Context,
  run: ImportRun,
  { number }: Experiment,
  known: Known,
): number {
  if (known.project !== project) throw clash('its id is taken')
  if (known.format === null) throw clash('a run of its id is here that was not imported')
  if (known.experiment !== number)
    throw clash(`a run of its id is here in experiment ${known.experiment}`)
  if (known.start_ms !== run.startMs)
    throw clash('a run of its id is here that began at another time')
  return known.seq
}

/**
 * A run that has gone on where it comes from goes on here, unless somebody has changed it here as well. True where
 * it has. Throws CONFLICT.
 */
async function takeChanges(tx: Tx, run: ImportRun, known: Known): Promise<boolean> {
  const { came_name, came_phase, came_end_ms, came_deleted_ms } = known
  const came = [came_name, came_phase, came_end_ms, came_deleted_ms]
  if (isDeepStrictEqual(came, [run.name, run.phase, run.endMs, run.deletedMs])) return false
  if (!isDeepStrictEqual(came, [known.name, known.phase, known.end_ms, known.deleted_ms]))
    throw clash('it has changed here and where it comes from')
  await amendAdoptedRun(tx, known.seq, run)
  await tx.updateTable('run_imports').set(cameAs(run)).where('run', '=', known.seq).execute()
  return true
}

function cameAs({ name, phase, endMs, deletedMs }: RunHead) {
  return { name, phase, end_ms: endMs, deleted_ms: deletedMs }
}

/** The name goes with the run: as a tag it is never in the way. */
async function addLabels(
  tx: Tx,
  ctx: Context,
  seq: number,
  { id, name, ...given }: ImportRun,
  isChanged: boolean,
): Promise<Pick<ImportedRun, 'params' | 'tags'>> {
  const params = judgeLabels(given.params, await labelsOf(tx, 'run_params', seq))
  const here = await labelsOf(tx, 'run_tags', seq)
  const isNamed = here.has(NAME_TAG)
  const tags = judgeLabels(given.tags, isNamed ? new Map(here).set(NAME_TAG, name) : here)
  const fresh = new Map(tags.fresh.map(({ key, value }) => [key, value]))
  if (isNamed && isChanged) fresh.set(NAME_TAG, name)
  await logToRun(tx, ctx, id, {
    params: params.fresh.map(({ key, value }) => [key, paramCell(value)]),
    tags: fresh,
  })
  return { params: [...params.outcomes], tags: [...tags.outcomes] }
}

async function labelsOf(
  tx: Tx,
  table: 'run_params' | 'run_tags',
  seq: number,
): Promise<ReadonlyMap<string, string>> {
  const rows = await tx.selectFrom(table).select(['key', 'value']).where('run', '=', seq).execute()
  return new Map(rows.map(({ key, value }) => [key, value]))
}

/** A tag names the parent; the parent may come after its children. */
async function linkParents(tx: Tx, { project }: Context, seq: number, run: ImportRun) {
  await tx
    .updateTable('runs')
    .set({ parent_id: run.id })
    .where('project', '=', project)
    .where('parent_id', 'is', null)
    .where('id', '!=', run.id)
    .where('seq', 'in', (eb) =>
      eb
        .selectFrom('run_tags')
        .select('run')
        .where('key', '=', PARENT_TAG)
        .where('value', '=', run.id),
    )
    .execute()
  const parent = run.tags.find(({ key }) => key === PARENT_TAG)?.value
  if (parent === undefined || parent === run.id) return
  await tx
    .updateTable('runs')
    .set((eb) => ({
      parent_id: eb
        .selectFrom('runs as parent')
        .select('parent.id')
        .where('parent.project', '=', project)
        .where('parent.id', '=', parent),
    }))
    .where('seq', '=', seq)
    .where('parent_id', 'is', null)
    .execute()
}

async function seriesOf(tx: Tx, seq: number): Promise<ImportedRun['series']> {
  return tx
    .selectFrom('run_import_series')
    .select(['key', 'points', 'crc'])
    .where('run', '=', seq)
    .orderBy('key')
    .execute()
}

function clash(message: string): GyreError {
  return new GyreError('CONFLICT', message)
}
