import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import { assertLength } from '../core/label-key.ts'
import type { Catalog } from '../store/catalog.ts'
import { addDatasets, type DatasetInput } from './dataset-input.ts'
import type { DatasetName } from './logged-model.ts'
import { putModelUses, type ModelUse } from './model-use.ts'
import { activePlaceOf } from './tracked-run.ts'

export interface Inputs {
  readonly datasets?: readonly DatasetInput[]
  /** Ids of logged models. */
  readonly models?: readonly string[]
}

/** A dataset that some run of an experiment used. */
export interface DatasetSummary extends DatasetName {
  readonly experiment: number
  readonly context: string | undefined
}

/** What runs use and make. Naming the same again changes nothing. */
export interface RunInputs {
  /** Throws NOT_FOUND, CONFLICT for a deleted run, INVALID_ARGUMENT. */
  logInputs(ctx: Context, run: string, inputs: Inputs): Promise<void>
  /** A model named again at another step keeps the new one. Throws NOT_FOUND, CONFLICT for a deleted run. */
  logOutputs(ctx: Context, run: string, models: readonly ModelUse[]): Promise<void>
  /** Datasets of the experiments, at most 1,000, each context by itself. */
  datasets(ctx: Context, experiments: readonly number[]): Promise<readonly DatasetSummary[]>
}

/** As in MLflow. */
const MOST_SUMMARIES = 1_000

/** MLflow's own limits, in characters. */
const MOST = {
  name: 500,
  digest: 36,
  schema: 1_048_575,
  source: 65_535,
  profile: 16_777_215,
  key: 255,
  value: 500,
} as const

export function createRunInputs({ catalog }: { readonly catalog: Catalog }): RunInputs {
  return {
    async logInputs(ctx, run, { datasets = [], models = [] }) {
      for (const input of datasets) assertInput(input)
      await catalog.write(async (tx) => {
        const { seq } = await activePlaceOf(tx, ctx, run)
        await addDatasets(tx, seq, datasets)
        await putModelUses(
          tx,
          seq,
          'input',
          models.map((model) => ({ model, step: 0 })),
        )
      })
    },

    logOutputs: (ctx, run, models) =>
      catalog.write(async (tx) => {
        const { seq } = await activePlaceOf(tx, ctx, run)
        await putModelUses(tx, seq, 'output', models)
      }),

    async datasets({ project }, experiments) {
      if (experiments.length === 0) return []
      const rows = await catalog.read
        .selectFrom('tracked_datasets')
        .innerJoin('run_datasets', 'run_datasets.dataset', 'tracked_datasets.seq')
        .select(['experiment', 'tracked_datasets.name', 'tracked_datasets.digest', 'context'])
        .distinct()
        .where('project', '=', project)
        .where('experiment', 'in', experiments)
        .orderBy('experiment')
        .orderBy('tracked_datasets.name')
        .orderBy('tracked_datasets.digest')
        .orderBy('context')
        .limit(MOST_SUMMARIES)
        .execute()
      return rows.map(({ context, ...row }) => ({ ...row, context: context ?? undefined }))
    },
  }
}

function assertInput({ dataset, tags }: DatasetInput): void {
  assertLength(dataset.name, MOST.name, 'name')
  assertLength(dataset.digest, MOST.digest, 'digest')
  assertLength(dataset.source, MOST.source, 'source')
  assertLength(dataset.schema ?? '', MOST.schema, 'schema')
  assertLength(dataset.profile ?? '', MOST.profile, 'profile')
  const keys = new Set<string>()
  for (const { key, value } of tags) {
    assertLength(key, MOST.key, 'key')
    assertLength(value, MOST.value, 'value')
    if (keys.has(key))
      throw new GyreError('INVALID_ARGUMENT', `tags: ${key} is there twice`, { field: 'tags' })
    keys.add(key)
  }
}
