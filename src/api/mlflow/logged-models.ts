import { z } from 'zod'
import { loggedModelLocation } from '../../tracking/locations.ts'
import type { LoggedModel, ModelPoint, ModelStatus } from '../../tracking/logged-model.ts'
import type { DatasetWanted } from '../../tracking/logged-model-search.ts'
import { ExperimentId } from './experiments.ts'
import type { Context } from '../../core/context.ts'
import type { Rooms } from '../rooms.ts'
import { defineMlflow, type Asking, type Call, type MlflowRoute } from './route.ts'
import { metricOut } from './runs.ts'
import { Bool, Int32, repeated, some } from './wire.ts'

/** Unlike a run's, a label of a model may have an empty key. */
const ModelLabel = z.object({ key: z.string().default(''), value: z.string().default('') })

function idOf({ params }: Call): string {
  return params['model_id'] ?? ''
}

/** The run that a logged model says it comes from. Throws NOT_FOUND. */
export async function runOfModel(
  { loggedModels }: Pick<Rooms, 'loggedModels'>,
  ctx: Context,
  id: string,
): Promise<string> {
  return (await loggedModels.get(ctx, id, true)).sourceRun
}

function logsTo(_input: unknown, { rooms, ctx, call }: Asking): Promise<string> {
  return runOfModel(rooms, ctx, idOf(call))
}

const create = defineMlflow({
  method: 'POST',
  path: '/mlflow/logged-models',
  summary: 'Begin a model whose files come next',
  scope: 'log',
  input: z.object({
    experiment_id: ExperimentId,
    name: z.string().default(''),
    model_type: z.string().default(''),
    source_run_id: z.string().default(''),
    params: repeated(ModelLabel),
    tags: repeated(ModelLabel),
  }),
  logsTo: ({ source_run_id: run }) => run,
  async handle({ loggedModels }, ctx, { experiment_id, name, params, tags, ...rest }) {
    const model = await loggedModels.create(ctx, {
      experiment: experiment_id,
      name,
      modelType: rest.model_type,
      sourceRun: rest.source_run_id,
      params,
      tags,
    })
    return { model: modelOut(model) }
  },
})

const get = defineMlflow({
  method: 'GET',
  path: '/mlflow/logged-models/{model_id}',
  summary: 'A logged model with its metrics, parameters and tags',
  scope: 'read',
  input: z.object({ allow_deleted: Bool.default(false) }),
  async handle({ loggedModels }, ctx, { allow_deleted }, call) {
    return { model: modelOut(await loggedModels.get(ctx, idOf(call), allow_deleted)) }
  },
})

/** By name, or by its number in the protocol. */
const Status = z.preprocess(
  (given) => (typeof given === 'number' || typeof given === 'string' ? String(given) : given),
  z
    .enum([
      'LOGGED_MODEL_PENDING',
      'LOGGED_MODEL_READY',
      'LOGGED_MODEL_UPLOAD_FAILED',
      '1',
      '2',
      '3',
    ])
    .transform((status) => STATUSES[status]),
)

const STATUSES = {
  LOGGED_MODEL_PENDING: 'PENDING',
  LOGGED_MODEL_READY: 'READY',
  LOGGED_MODEL_UPLOAD_FAILED: 'FAILED',
  1: 'PENDING',
  2: 'READY',
  3: 'FAILED',
} as const

const STATUS_OUT: Readonly<Record<ModelStatus, string>> = {
  PENDING: 'LOGGED_MODEL_PENDING',
  READY: 'LOGGED_MODEL_READY',
  FAILED: 'LOGGED_MODEL_UPLOAD_FAILED',
}

const finalize = defineMlflow({
  method: 'PATCH',
  path: '/mlflow/logged-models/{model_id}',
  summary: 'Say whether all files of a model are there',
  scope: 'log',
  logsTo,
  input: z.object({ status: Status }),
  async handle({ loggedModels }, ctx, { status }, call) {
    return { model: modelOut(await loggedModels.finalize(ctx, idOf(call), status)) }
  },
})

const remove = defineMlflow({
  method: 'DELETE',
  path: '/mlflow/logged-models/{model_id}',
  summary: 'Hide a logged model',
  scope: 'write',
  input: z.object({}),
  async handle({ loggedModels }, ctx, _input, call) {
    await loggedModels.remove(ctx, idOf(call))
    return {}
  },
})

const setTags = defineMlflow({
  method: 'PATCH',
  path: '/mlflow/logged-models/{model_id}/tags',
  summary: 'Set tags of a logged model',
  scope: 'log',
  logsTo,
  input: z.object({ tags: repeated(ModelLabel) }),
  async handle({ loggedModels }, ctx, { tags }, call) {
    await loggedModels.setTags(ctx, idOf(call), tags)
    return {}
  },
})

const deleteTag = defineMlflow({
  method: 'DELETE',
  path: '/mlflow/logged-models/{model_id}/tags/{tag_key}',
  summary: 'Take a tag off a logged model',
  scope: 'write',
  input: z.object({}),
  async handle({ loggedModels }, ctx, _input, call) {
    await loggedModels.removeTag(ctx, idOf(call), call.params['tag_key'] ?? '')
    return {}
  },
})

const logParams = defineMlflow({
  method: 'POST',
  path: '/mlflow/logged-models/{model_id}/params',
  summary: 'Log parameters of a logged model',
  scope: 'log',
  logsTo,
  input: z.object({ params: repeated(ModelLabel) }),
  async handle({ loggedModels }, ctx, { params }, call) {
    await loggedModels.logParams(ctx, idOf(call), params)
    return {}
  },
})

const Dataset = z.object({
  dataset_name: z.string().default(''),
  dataset_digest: z.string().default(''),
})

function wanted({ dataset_name, dataset_digest }: z.infer<typeof Dataset>): DatasetWanted {
  return dataset_digest === ''
    ? { name: dataset_name }
    : { name: dataset_name, digest: dataset_digest }
}

const OrderBy = Dataset.extend({
  field_name: z.string().default(''),
  ascending: z.boolean().default(true),
})

/** Models of one page; MLflow has no bound of its own. */
const [USUAL_PAGE, LARGEST_PAGE] = [100, 50_000]

const search = defineMlflow({
  method: 'POST',
  path: '/mlflow/logged-models/search',
  summary: 'Logged models that match a filter, a page at a time',
  scope: 'read',
  input: z.object({
    experiment_ids: z.array(ExperimentId, {
      error: (issue) =>
        issue.input === undefined ? 'missing value for a required parameter' : 'expected an array',
    }),
    filter: z.string().default(''),
    datasets: repeated(Dataset),
    order_by: repeated(OrderBy),
    max_results: Int32.min(0).max(LARGEST_PAGE).default(0),
    page_token: z.string().default(''),
  }),
  async handle({ loggedModels }, ctx, { experiment_ids, filter, datasets, order_by, ...page }) {
    const { models, nextToken } = await loggedModels.search(ctx, {
      experiments: experiment_ids,
      filter,
      datasets: datasets.map(wanted),
      orderBy: order_by.map(({ field_name, ascending, ...dataset }) => ({
        fieldName: field_name,
        ascending,
        ...(dataset.dataset_name === '' ? {} : { dataset: wanted(dataset) }),
      })),
      limit: page.max_results || USUAL_PAGE,
      pageToken: page.page_token,
    })
    return { models: some(models.map(modelOut)), next_page_token: nextToken }
  },
})

export const loggedModelRoutes: readonly MlflowRoute[] = [
  search,
  create,
  get,
  finalize,
  remove,
  setTags,
  deleteTag,
  logParams,
]

function modelOut(model: LoggedModel): object {
  const { id, experiment } = model
  return {
    info: {
      model_id: id,
      experiment_id: String(experiment),
      name: model.name,
      creation_timestamp_ms: model.createdMs,
      last_updated_timestamp_ms: model.updatedMs,
      artifact_uri: loggedModelLocation(experiment, id),
      status: STATUS_OUT[model.status],
      model_type: model.modelType,
      source_run_id: model.sourceRun,
      tags: some(model.tags),
    },
    data: {
      params: some(model.params),
      metrics: some(model.metrics.map((point) => modelMetricOut(id, point))),
    },
  }
}

function modelMetricOut(model_id: string, { run, dataset, ...point }: ModelPoint): object {
  return {
    ...metricOut(point),
    ...(dataset ? { dataset_name: dataset.name, dataset_digest: dataset.digest } : {}),
    model_id,
    run_id: run,
  }
}
