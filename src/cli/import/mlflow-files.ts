import { realpath } from 'node:fs/promises'
import { join } from 'node:path'
import type { ImportExperiment, ImportRun } from '@gyre/sdk/wire/import'
import { z } from 'zod'
import { errnoOf, GyreError } from '../../core/errors.ts'
import type { RunPoint } from '../../store/run-metrics.ts'
import { createArtifactPlaces, type ArtifactPlaces } from './artifact-places.ts'
import { distinct } from './distinct-points.ts'
import { filesIn } from './folder-files.ts'
import { entriesOf, isThere, labelsIn, readMeta, refuseStrange, shaped, type Shelf } from './mlflow-folder.ts' // prettier-ignore
import { fileRegistry } from './mlflow-file-registry.ts'
import { tracesInFolder } from './mlflow-file-traces.ts'
import { readMetricFile } from './mlflow-metric-file.ts'
import {
  ExperimentRow,
  LoggedModelRow,
  RunRow,
  toExperiment,
  toLoggedModel,
  toRun,
  type LoggedModelParts,
} from './mlflow-shape.ts'
import type { Source, SourceFile, SourceLoggedModel, SourceRun } from './source.ts'
import type { Tally } from './tally.ts'

/** Where MLflow puts what was deleted. */
const TRASH = '.trash'

/** Folders in an experiment's that are no runs. */
const RESERVED = ['tags', 'datasets', 'models', 'traces']

const IN_RUN = ['meta.yaml', 'params', 'metrics', 'tags', 'artifacts', 'inputs', 'outputs']

interface ExperimentFolder {
  readonly path: string
  readonly name: string
}

/**
 * A folder `mlruns` as MLflow's file store writes it. `copies`: where else artifacts may be read. Throws
 * INVALID_ARGUMENT where no experiment and no model is.
 */
export async function openFileStore(
  tally: Tally,
  path: string,
  copies: readonly string[],
): Promise<Source> {
  const root = await realpath(path)
  const places = await createArtifactPlaces({ tally, base: root, folders: [root, ...copies] })
  const shelf: Shelf = { tally, within: places.within }
  const experiments: ExperimentFolder[] = []
  const locations = new Map<string, string>()
  const models = new Set<string>()
  const numbered = new Map<string, string>()
  await assertStore(root)

  return {
    numbered,
    async *experiments() {
      for await (const { folder, id, experiment } of experimentsIn(shelf, root)) {
        experiments.push(folder)
        numbered.set(id, experiment.name)
        yield experiment
      }
    },
    async *runs() {
      for (const folder of experiments)
        for await (const { run, location } of runsIn(shelf, places, folder)) {
          locations.set(run.run.id, location)
          yield run
        }
    },
    async *traces() {
      for (const folder of experiments) yield* tracesInFolder(shelf, places, folder)
    },
    async *loggedModels() {
      for (const folder of experiments)
        for await (const model of loggedModelsIn(shelf, places, folder)) {
          models.add(model.model.id)
          yield model
        }
      await places.finish()
    },
    ...fileRegistry(shelf, join(root, 'models'), {
      runs: locations,
      models,
      locationOf: (run) => locations.get(run),
    }),
    close: () => {},
  }
}

async function assertStore(root: string): Promise<void> {
  const { folders } = await entriesOf(root)
  const isStore = await Promise.all(
    folders.map(async (name) => {
      const { others } = await entriesOf(join(root, name))
      return name === TRASH || name === 'models' || others.includes('meta.yaml')
    }),
  )
  if (isStore.includes(true)) return
  throw new GyreError(
    'INVALID_ARGUMENT',
    `${root}: expected a folder of experiments as MLflow writes it, each with a meta.yaml`,
    { path: root },
  )
}

async function* experimentsIn(
  shelf: Shelf,
  root: string,
): AsyncGenerator<{ folder: ExperimentFolder; id: string; experiment: ImportExperiment }> {
  for (const parent of [root, join(root, TRASH)]) {
    const { folders, others } = await entriesOf(parent)
    refuseStrange(shelf.tally, parent, others, [])
    for (const name of folders) {
      if (parent === root && (name === TRASH || name === 'models')) continue
      const path = join(parent, name)
      const row = await readMeta(shelf, 'experiments', path, ExperimentRow)
      if (!row) continue
      const tags = await labelsIn(shelf, 'experiment tags', join(path, 'tags'), row.name)
      const { others: strange } = await entriesOf(path)
      refuseStrange(shelf.tally, path, strange, ['meta.yaml'])
      const experiment = toExperiment(row, tags)
      yield { folder: { path, name: row.name }, id: row.experiment_id, experiment }
    }
  }
}

async function* runsIn(
  shelf: Shelf,
  places: ArtifactPlaces,
  experiment: ExperimentFolder,
): AsyncGenerator<{ run: SourceRun; location: string }> {
  const { tally } = shelf
  const { folders } = await entriesOf(experiment.path)
  const datasets = await datasetsIn(shelf, experiment)
  const used = new Set<string>()
  for (const name of folders) {
    if (RESERVED.includes(name)) continue
    const path = join(experiment.path, name)
    const row = await readMeta(shelf, 'runs', path, RunRow)
    if (!row) continue
    if (row.run_uuid !== name) {
      tally.miss('runs', path, `meta.yaml: it is of the run ${row.run_uuid}`)
      continue
    }
    const inside = await entriesOf(path)
    refuseStrange(tally, path, [...inside.folders, ...inside.others], IN_RUN)
    const of = `run ${name}`
    const parts = {
      params: await labelsIn(shelf, 'params', join(path, 'params'), of),
      tags: await labelsIn(shelf, 'tags', join(path, 'tags'), of),
      ...(await linksOf(shelf, path, datasets, used)),
    }
    const run = shaped(tally, 'runs', `${path}: meta.yaml`, () =>
      toRun(row, experiment.name, parts),
    )
    if (run) yield { run: sourceRun(shelf, places, path, run, row), location: row.artifact_uri }
  }
  for (const [id, { name }] of datasets)
    if (!used.has(id)) tally.miss('datasets', `${name} of ${experiment.name}`, 'no run uses it')
}

function sourceRun(
  { tally, within }: Shelf,
  places: ArtifactPlaces,
  path: string,
  run: ImportRun,
  { artifact_uri }: RunRow,
): SourceRun {
  const walk = { tally, of: `run ${run.id}`, within }
  return {
    run,
    async *points() {
      const metrics = join(path, 'metrics')
      if (!(await isThere(metrics))) return
      for await (const { path: key, from } of filesIn(metrics, walk))
        yield* pointsIn(tally, key, from, run.id)
    },
    async *files() {
      const own = join(path, 'artifacts')
      const folder = (await hasFiles(own)) ? own : await places.find(artifact_uri)
      if (folder !== undefined) yield* filesIn(folder, walk)
    },
  }
}

async function hasFiles(folder: string): Promise<boolean> {
  const { folders, others } = await entriesOf(folder)
  return folders.length + others.length > 0
}

/** The points of one metric. A line that stands there twice is one point. */
async function* pointsIn(
  tally: Tally,
  key: string,
  path: string,
  run: string,
): AsyncGenerator<RunPoint> {
  let pass = 0
  async function* read() {
    pass++
    for await (const line of readMetricFile(path)) {
      if (line.kind === 'point') yield line.point
      else if (pass === 2)
        tally.miss('points', `${key} of run ${run}, line ${line.line}`, line.reason)
    }
  }
  try {
    for await (const point of distinct(read, () => repeat(tally))) yield { key, ...point }
  } catch (error) {
    const code = errnoOf(error)
    if (code === undefined) throw error
    tally.miss('points', `those of ${key} of run ${run}`, `their file cannot be read (${code})`)
  }
}

function repeat(tally: Tally): void {
  tally.find('points')
  tally.settle('points', 'there')
}

const DatasetMeta = z.object({
  name: z.string(),
  digest: z.union([z.string(), z.number()]).transform(String),
  source_type: z.string(),
  source: z.string(),
  schema: z
    .string()
    .nullish()
    .transform((text) => text ?? null),
  profile: z
    .string()
    .nullish()
    .transform((text) => text ?? null),
})

async function datasetsIn(
  shelf: Shelf,
  { path }: ExperimentFolder,
): Promise<ReadonlyMap<string, z.output<typeof DatasetMeta>>> {
  const folder = join(path, 'datasets')
  const datasets = new Map<string, z.output<typeof DatasetMeta>>()
  for (const id of (await entriesOf(folder)).folders) {
    const dataset = await readMeta(shelf, 'datasets', join(folder, id), DatasetMeta)
    if (dataset) datasets.set(id, dataset)
  }
  return datasets
}

/** An edge between a run and a dataset or a logged model. */
const Link = z.object({
  source_type: z.string(),
  source_id: z.string(),
  destination_id: z.string(),
  step: z.int().default(0),
  tags: z.record(z.string(), z.coerce.string()).nullish(),
})

async function linksOf(
  shelf: Shelf,
  path: string,
  datasets: Awaited<ReturnType<typeof datasetsIn>>,
  used: Set<string>,
): Promise<Pick<ImportRun, 'datasets' | 'models'>> {
  const links: Pick<ImportRun, 'datasets' | 'models'> = { datasets: [], models: [] }
  for (const direction of ['input', 'output'] as const) {
    const folder = join(path, `${direction}s`)
    for (const id of (await entriesOf(folder)).folders) {
      const link = await readMeta(shelf, `${direction}s`, join(folder, id), Link)
      if (!link) continue
      const { source_type, source_id, destination_id: model, step, tags } = link
      if (source_type !== 'DATASET') {
        links.models.push({ direction, model, step })
        continue
      }
      const dataset = datasets.get(source_id)
      used.add(source_id)
      if (!dataset) {
        shelf.tally.miss('datasets', join(folder, id), `there is no dataset ${source_id}`)
        continue
      }
      const { source_type: sourceType, ...rest } = dataset
      const labels = Object.entries(tags ?? {}).map(([key, value]) => ({ key, value }))
      links.datasets.push({ ...rest, sourceType, tags: labels })
    }
  }
  return links
}

async function* loggedModelsIn(
  shelf: Shelf,
  places: ArtifactPlaces,
  experiment: ExperimentFolder,
): AsyncGenerator<SourceLoggedModel> {
  const { tally, within } = shelf
  const parent = join(experiment.path, 'models')
  for (const name of (await entriesOf(parent)).folders) {
    const path = join(parent, name)
    const row = await readMeta(shelf, 'logged models', path, LoggedModelRow)
    if (!row) continue
    const parts = {
      params: await labelsIn(shelf, 'logged model params', join(path, 'params'), name),
      tags: await labelsIn(shelf, 'logged model tags', join(path, 'tags'), name),
      metrics: await modelMetricsIn(shelf, join(path, 'metrics'), name),
    }
    const shape = () => toLoggedModel(row, experiment.name, parts)
    const model = shaped(tally, 'logged models', `${path}: meta.yaml`, shape)
    if (!model) continue
    yield {
      model,
      async *files(): AsyncGenerator<SourceFile> {
        const own = join(path, 'artifacts')
        const folder = (await hasFiles(own)) ? own : await places.find(row.artifact_location)
        if (folder !== undefined) yield* filesIn(folder, { tally, of: name, within })
      },
    }
  }
}

/** A line of a model's metric also says which run measured, and on which dataset. */
async function modelMetricsIn(
  { tally, within }: Shelf,
  folder: string,
  model: string,
): Promise<LoggedModelParts['metrics']> {
  const metrics: LoggedModelParts['metrics'] = []
  if (!(await isThere(folder))) return metrics
  for await (const { path: key, from } of filesIn(folder, { tally, of: model, within }))
    for await (const line of readMetricFile(from)) {
      const [run, ...dataset] = line.kind === 'point' ? line.rest : []
      if (line.kind === 'point' && run !== undefined)
        metrics.push({
          key,
          value: line.point.value,
          step: Number(line.point.step),
          atMs: Number(line.point.atMs),
          run,
          datasetName: dataset.slice(0, -1).join(' ') || null,
          datasetDigest: dataset.at(-1) ?? null,
        })
      else
        tally.miss(
          'logged model metrics',
          `${key} of ${model}${line.kind === 'bad' ? `, line ${line.line}` : ''}`,
          line.kind === 'bad' ? line.reason : 'it does not say which run measured it',
        )
    }
  return metrics
}
