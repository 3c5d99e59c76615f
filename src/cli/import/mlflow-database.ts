import { dirname, join, resolve } from 'node:path'
import type { ImportRun } from '@gyre/sdk/wire/import'
import { z } from 'zod'
import { GyreError } from '../../core/errors.ts'
import { openForeignDatabase } from '../../store/foreign-database.ts'
import type { RunPoint } from '../../store/run-metrics.ts'
import { createArtifactPlaces, type ArtifactPlaces } from './artifact-places.ts'
import { filesIn } from './folder-files.ts'
import { databaseRegistry } from './mlflow-database-registry.ts'
import { refuseStrangeLinks, tracesInDatabase } from './mlflow-database-traces.ts'
import { shaped } from './mlflow-folder.ts'
import {
  ExperimentRow,
  LoggedModelRow,
  RunRow,
  toExperiment,
  toLoggedModel,
  toRun,
  type LoggedModelParts,
} from './mlflow-shape.ts'
import { createTables, type Tables } from './mlflow-tables.ts'
import type { Source, SourceFile, SourceLoggedModel, SourceRun } from './source.ts'
import type { Tally } from './tally.ts'

interface Deps {
  readonly tally: Tally
  readonly tables: Tables
  readonly places: ArtifactPlaces
}

/** What every MLflow has had since its first database; the other tables came later. */
const ALWAYS = ['experiments', 'runs', 'params', 'tags', 'metrics']

interface KnownExperiment {
  readonly id: string
  readonly name: string
}

/**
 * An SQLite database as MLflow's SQL store writes it. `copies`: where else artifacts may be read. Throws
 * INVALID_ARGUMENT where the file is no such database.
 */
export async function openMlflowDatabase(
  tally: Tally,
  path: string,
  copies: readonly string[],
): Promise<Source> {
  const database = openForeignDatabase(path)
  const missing = ALWAYS.filter((table) => !database.tables.has(table))
  if (missing.length > 0) {
    database.close()
    throw new GyreError(
      'INVALID_ARGUMENT',
      `${path}: expected a database of MLflow, which has the tables ${missing.join(', ')}`,
      { path },
    )
  }
  const base = dirname(resolve(path))
  const folders = [join(base, 'mlruns'), join(base, 'mlartifacts'), ...copies]
  const places = await createArtifactPlaces({ tally, base, folders })
  const tables = createTables(database, tally)
  const deps = { tally, tables, places }
  const experiments: KnownExperiment[] = []
  const locations = new Map<string, string>()
  const models = new Set<string>()
  const numbered = new Map<string, string>()

  return {
    numbered,
    async *experiments() {
      for (const row of tables.each('experiments', 'experiments', ExperimentRow)) {
        const { experiment_id: id, name, workspace } = row
        if (workspace !== 'default') {
          refuseWorkspace(deps, row)
          continue
        }
        experiments.push({ id, name })
        numbered.set(id, name)
        const where = { experiment_id: id }
        yield toExperiment(row, tables.labels('experiment_tags', 'experiment tags', where))
      }
    },
    async *runs() {
      for (const experiment of experiments)
        for (const { run, location } of runsIn(deps, experiment)) {
          locations.set(run.run.id, location)
          yield run
        }
    },
    async *traces() {
      for (const experiment of experiments) yield* tracesInDatabase(deps, experiment)
      refuseStrangeLinks(deps)
    },
    async *loggedModels() {
      for (const experiment of experiments)
        for (const one of loggedModelsIn(deps, experiment)) {
          models.add(one.model.id)
          yield one
        }
      refuseStrangeInputs(deps)
      tables.refuseStrange()
      await places.finish()
    },
    ...databaseRegistry(tables, tally, {
      runs: locations,
      models,
      locationOf: (run) => locations.get(run),
    }),
    close: () => database.close(),
  }
}

/** What belongs to it is told with the rows that nobody read. */
function refuseWorkspace({ tally }: Deps, { name, workspace }: ExperimentRow): void {
  tally.miss('experiments', name, `it is in the workspace ${workspace}: only default is imported`)
}

function* runsIn(
  deps: Deps,
  experiment: KnownExperiment,
): Generator<{ run: SourceRun; location: string }> {
  const { tally, tables } = deps
  for (const row of tables.each('runs', 'runs', RunRow, { experiment_id: experiment.id })) {
    const { run_uuid: id, artifact_uri: location } = row
    const parts = {
      params: tables.labels('params', 'params', { run_uuid: id }),
      tags: tables.labels('tags', 'tags', { run_uuid: id }),
      datasets: datasetsOf(deps, id),
      models: modelsOf(deps, id),
    }
    const run = shaped(tally, 'runs', `run ${id}`, () => toRun(row, experiment.name, parts))
    if (run) yield { run: { run, points: () => pointsOf(deps, id), files: () => filesOf(deps, `run ${id}`, location) }, location } // prettier-ignore
  }
}

async function* filesOf(
  { tally, places }: Deps,
  of: string,
  location: string,
): AsyncGenerator<SourceFile> {
  if (location === '') return
  const folder = await places.find(location)
  if (folder !== undefined) yield* filesIn(folder, { tally, of, within: places.within })
}

/** A whole number that may pass 2^53. */
const Int64 = z
  .union([z.bigint(), z.int()])
  .transform((value) => (Number.isSafeInteger(Number(value)) ? Number(value) : value))

const MetricRow = z.object({
  key: z.string(),
  value: z.union([z.number(), z.bigint()]).transform(Number),
  timestamp: Int64,
  step: Int64.default(0),
  is_nan: z
    .union([z.bigint(), z.number(), z.boolean()])
    .nullish()
    .transform((value) => Boolean(value)),
})

async function* pointsOf({ tables }: Deps, run: string): AsyncGenerator<RunPoint> {
  const where = { run_uuid: run }
  for (const { key, value, timestamp: atMs, step, is_nan } of tables.each(
    'metrics',
    'points',
    MetricRow,
    where,
  ))
    // prettier-ignore
    yield { key, value: is_nan ? Number.NaN : value, step, atMs }
}

const InputRow = z.object({
  input_uuid: z.string(),
  source_id: z.string(),
  destination_id: z.string(),
  step: z.union([z.bigint(), z.int()]).default(0).transform(Number),
})

const DatasetRow = z.object({
  name: z.string(),
  digest: z.string(),
  dataset_source_type: z.string(),
  dataset_source: z.string(),
  dataset_schema: z
    .string()
    .nullish()
    .transform((text) => text ?? null),
  dataset_profile: z
    .string()
    .nullish()
    .transform((text) => text ?? null),
})

const InputTagRow = z.object({ name: z.string(), value: z.string() })

function datasetsOf({ tally, tables }: Deps, run: string): ImportRun['datasets'] {
  const where = { destination_type: 'RUN', destination_id: run, source_type: 'DATASET' }
  return [...tables.each('inputs', 'datasets', InputRow, where)].flatMap((input) => {
    const [row] = tables.each('datasets', 'datasets', DatasetRow, { dataset_uuid: input.source_id })
    if (!row) {
      tally.miss('datasets', `${input.source_id} of run ${run}`, 'there is no such dataset')
      return []
    }
    const tags = tables.each('input_tags', 'datasets', InputTagRow, {
      input_uuid: input.input_uuid,
    })
    return [
      {
        name: row.name,
        digest: row.digest,
        sourceType: row.dataset_source_type,
        source: row.dataset_source,
        schema: row.dataset_schema,
        profile: row.dataset_profile,
        tags: [...tags].map(({ name: key, value }) => ({ key, value })),
      },
    ]
  })
}

function modelsOf({ tables }: Deps, run: string): ImportRun['models'] {
  return (['input', 'output'] as const).flatMap((direction) => {
    const source_type = direction === 'input' ? 'RUN_INPUT' : 'RUN_OUTPUT'
    const links = tables.each('inputs', 'model uses', InputRow, { source_type, source_id: run })
    return [...links].map(({ destination_id: model, step }) => ({ direction, model, step }))
  })
}

/** Edges of kinds that runs do not have. */
function refuseStrangeInputs({ tally, tables }: Deps): void {
  const known =
    tables.count('inputs', { source_type: 'DATASET', destination_type: 'RUN' }) +
    tables.count('inputs', { source_type: 'RUN_INPUT' }) +
    tables.count('inputs', { source_type: 'RUN_OUTPUT' })
  const strange = tables.count('inputs') - known
  if (strange > 0)
    tally.miss('inputs', 'rows of the table inputs', 'they are of no kind that runs have', strange)
}

const PairRow = (prefix: 'param' | 'tag') =>
  z
    .record(z.string(), z.unknown())
    .transform((row) => ({ key: row[`${prefix}_key`], value: row[`${prefix}_value`] }))
    .pipe(z.object({ key: z.string(), value: z.string() }))

const ModelMetricRow = z
  .object({
    metric_name: z.string(),
    metric_value: z.number().nullish(),
    metric_step: z.bigint().transform(Number),
    metric_timestamp_ms: z.bigint().transform(Number),
    run_id: z.string(),
    dataset_name: z.string().nullish(),
    dataset_digest: z.string().nullish(),
  })
  .transform((row): LoggedModelParts['metrics'][number] => ({
    key: row.metric_name,
    value: row.metric_value ?? Number.NaN,
    step: row.metric_step,
    atMs: row.metric_timestamp_ms,
    run: row.run_id,
    datasetName: row.dataset_name ?? null,
    datasetDigest: row.dataset_digest ?? null,
  }))

function* loggedModelsIn(deps: Deps, experiment: KnownExperiment): Generator<SourceLoggedModel> {
  const { tally, tables } = deps
  const where = { experiment_id: experiment.id }
  for (const row of tables.each('logged_models', 'logged models', LoggedModelRow, where)) {
    const of = { model_id: row.model_id }
    const parts = {
      params: [...tables.each('logged_model_params', 'logged model params', PairRow('param'), of)],
      tags: [...tables.each('logged_model_tags', 'logged model tags', PairRow('tag'), of)],
      metrics: [...tables.each('logged_model_metrics', 'logged model metrics', ModelMetricRow, of)],
    }
    const shape = () => toLoggedModel(row, experiment.name, parts)
    const model = shaped(tally, 'logged models', row.model_id, shape)
    if (model) yield { model, files: () => filesOf(deps, row.model_id, row.artifact_location) }
  }
}
