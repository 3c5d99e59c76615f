import { z } from 'zod'
import { GyreError } from '../../core/errors.ts'
import type { DatasetInput } from '../../tracking/dataset-input.ts'
import type { DatasetSummary } from '../../tracking/run-inputs.ts'
import { ExperimentId } from './experiments.ts'
import { defineMlflow, type MlflowRoute } from './route.ts'
import { runIdOf, RunMembers } from './runs.ts'
import { Int64, MISSING, repeated, Required, some } from './wire.ts'

const Text = z.string({ error: (issue) => (issue.input === undefined ? MISSING : 'expected text') })

const Dataset = z.object({
  name: Text,
  digest: Text,
  source_type: Text,
  source: Text,
  schema: z.string().optional(),
  profile: z.string().optional(),
})

const Input = z.object({
  dataset: Dataset,
  tags: repeated(z.object({ key: z.string().default(''), value: z.string().default('') })),
})

function inputIn({ dataset, tags }: z.infer<typeof Input>): DatasetInput {
  const { source_type: sourceType, schema, profile, ...rest } = dataset
  // Protobuf leaves an empty text out of the reply, so it cannot be told from none.
  const described = { schema: schema || undefined, profile: profile || undefined }
  return { dataset: { ...rest, ...described, sourceType }, tags }
}

const logInputs = defineMlflow({
  method: 'POST',
  path: '/mlflow/runs/log-inputs',
  summary: 'Name the datasets and models that a run uses',
  scope: 'log',
  logsTo: runIdOf,
  input: z.object({
    ...RunMembers,
    datasets: repeated(Input),
    models: repeated(z.object({ model_id: Required })),
  }),
  async handle({ runInputs }, ctx, { datasets, models, ...ids }) {
    await runInputs.logInputs(ctx, runIdOf(ids), {
      datasets: datasets.map(inputIn),
      models: models.map(({ model_id }) => model_id),
    })
    return {}
  },
})

const logOutputs = defineMlflow({
  method: 'POST',
  path: '/mlflow/runs/outputs',
  summary: 'Name the models that a run made, each with the step at which it did',
  scope: 'log',
  logsTo: runIdOf,
  input: z.object({
    ...RunMembers,
    models: z.array(z.object({ model_id: Required, step: Int64.default(0) }), {
      error: (issue) => (issue.input === undefined ? MISSING : 'expected an array'),
    }),
  }),
  async handle({ runInputs }, ctx, { models, ...ids }) {
    const made = models.map(({ model_id, step }) => ({ model: model_id, step }))
    await runInputs.logOutputs(ctx, runIdOf(ids), made)
    return {}
  },
})

/** MLflow's own limit on one request. */
const MAX_EXPERIMENTS = 20

const searchDatasets = defineMlflow({
  method: 'POST',
  path: '/mlflow/experiments/search-datasets',
  summary: 'The datasets that runs of some experiments used',
  scope: 'read',
  input: z.object({ experiment_ids: repeated(ExperimentId) }),
  async handle({ runInputs }, ctx, { experiment_ids }) {
    if (experiment_ids.length === 0)
      throw invalid('SearchDatasets request must specify at least one experiment_id.')
    if (experiment_ids.length > MAX_EXPERIMENTS)
      throw invalid(
        `SearchDatasets request cannot specify more than ${MAX_EXPERIMENTS} experiment_ids. Received ${experiment_ids.length} experiment_ids.`,
      )
    const summaries = await runInputs.datasets(ctx, experiment_ids)
    return { dataset_summaries: some(summaries.map(summaryOut)) }
  },
})

export const runInputRoutes: readonly MlflowRoute[] = [logInputs, logOutputs, searchDatasets]

function invalid(message: string): GyreError {
  return new GyreError('INVALID_ARGUMENT', message, { field: 'experiment_ids' })
}

function summaryOut({ experiment, name, digest, context }: DatasetSummary): object {
  return { experiment_id: String(experiment), name, digest, context }
}
