import { z } from 'zod'
import { GyreError } from '../../core/errors.ts'
import type { DatasetInput } from '../../tracking/dataset-input.ts'
import type { NamedPoint, TrackedRun } from '../../tracking/tracked-run.ts'
import { ExperimentId } from './experiments.ts'
import { runLocation } from '../../tracking/locations.ts'
import { Metric, Metrics, pointIn } from './metric-in.ts'
import { defineMlflow, type MlflowRoute } from './route.ts'
import {
  doubleOut,
  Int64,
  Label,
  protobufEnum,
  repeated,
  Required,
  searchMembers,
  some,
  ViewType,
} from './wire.ts'

const Phase = protobufEnum(['RUNNING', 'SCHEDULED', 'FINISHED', 'FAILED', 'KILLED'])

/** `run_uuid` is what old clients call `run_id`; new ones send both. */
export const RunMembers = { run_id: z.string().optional(), run_uuid: z.string().optional() }

export function runIdOf(input: {
  run_id?: string | undefined
  run_uuid?: string | undefined
}): string {
  const id = input.run_id || input.run_uuid
  if (id) return id
  throw new GyreError('INVALID_ARGUMENT', 'run_id: missing value for a required parameter', {
    field: 'run_id',
  })
}

const create = defineMlflow({
  method: 'POST',
  path: '/mlflow/runs/create',
  summary: 'Start a run',
  scope: 'write',
  input: z.object({
    experiment_id: ExperimentId.default(0),
    user_id: z.string().default(''),
    run_name: z.string().optional(),
    start_time: Int64.optional(),
    tags: repeated(Label),
  }),
  async handle({ tracking }, ctx, { experiment_id, user_id, run_name, start_time, tags }) {
    const run = await tracking.start(ctx, {
      experiment: experiment_id,
      userId: user_id,
      tags,
      ...(run_name ? { name: run_name } : {}),
      ...(start_time === undefined ? {} : { startMs: start_time }),
    })
    return { run: runOut(run) }
  },
})

const get = defineMlflow({
  method: 'GET',
  path: '/mlflow/runs/get',
  summary: 'A run with its newest metrics, parameters and tags',
  scope: 'read',
  input: z.object(RunMembers),
  async handle({ tracking }, ctx, input) {
    return { run: runOut(await tracking.get(ctx, runIdOf(input))) }
  },
})

const update = defineMlflow({
  method: 'POST',
  path: '/mlflow/runs/update',
  summary: 'Say how a run stands, when it ended, what it is called',
  scope: 'log',
  logsTo: runIdOf,
  input: z.object({
    ...RunMembers,
    status: Phase.optional(),
    end_time: Int64.optional(),
    run_name: z.string().optional(),
  }),
  async handle({ tracking }, ctx, { status, end_time, run_name, ...ids }) {
    const run = await tracking.update(ctx, runIdOf(ids), {
      ...(status === undefined ? {} : { phase: status }),
      ...(end_time === undefined ? {} : { endMs: end_time }),
      ...(run_name ? { name: run_name } : {}),
    })
    return { run_info: infoOut(run) }
  },
})

const setDeleted = (verb: 'delete' | 'restore') =>
  defineMlflow({
    method: 'POST',
    path: `/mlflow/runs/${verb}`,
    summary: verb === 'delete' ? 'Hide a run' : 'Show a hidden run again',
    scope: 'write',
    input: z.object(RunMembers),
    async handle({ tracking }, ctx, input) {
      await tracking.setDeleted(ctx, runIdOf(input), verb === 'delete')
      return {}
    },
  })

const logMetric = defineMlflow({
  method: 'POST',
  path: '/mlflow/runs/log-metric',
  summary: 'Log a point of a metric',
  scope: 'log',
  logsTo: runIdOf,
  input: z.object({ ...RunMembers, ...Metric.shape }),
  async handle({ tracking }, ctx, { run_id, run_uuid, ...metric }) {
    await tracking.log(ctx, runIdOf({ run_id, run_uuid }), { metrics: [pointIn(metric)] })
    return {}
  },
})

const logParameter = defineMlflow({
  method: 'POST',
  path: '/mlflow/runs/log-parameter',
  summary: 'Log a parameter; it cannot change later',
  scope: 'log',
  logsTo: runIdOf,
  input: z.object({ ...RunMembers, ...Label.shape }),
  async handle({ tracking }, ctx, { run_id, run_uuid, key, value }) {
    await tracking.log(ctx, runIdOf({ run_id, run_uuid }), { params: [{ key, value }] })
    return {}
  },
})

const logBatch = defineMlflow({
  method: 'POST',
  path: '/mlflow/runs/log-batch',
  summary: 'Log metrics, parameters and tags: all of them or none',
  scope: 'log',
  logsTo: runIdOf,
  input: z.object({
    ...RunMembers,
    metrics: Metrics,
    params: repeated(Label),
    tags: repeated(Label),
  }),
  async handle({ tracking }, ctx, { metrics, params, tags, ...ids }) {
    await tracking.log(ctx, runIdOf(ids), { metrics, params, tags })
    return {}
  },
})

const setTag = defineMlflow({
  method: 'POST',
  path: '/mlflow/runs/set-tag',
  summary: 'Set a tag of a run',
  scope: 'log',
  logsTo: runIdOf,
  input: z.object({ ...RunMembers, ...Label.shape }),
  async handle({ tracking }, ctx, { run_id, run_uuid, key, value }) {
    await tracking.setTag(ctx, runIdOf({ run_id, run_uuid }), { key, value })
    return {}
  },
})

const deleteTag = defineMlflow({
  method: 'POST',
  path: '/mlflow/runs/delete-tag',
  summary: 'Take a tag off a run',
  scope: 'log',
  logsTo: runIdOf,
  input: z.object({ ...RunMembers, key: Required }),
  async handle({ tracking }, ctx, { key, ...ids }) {
    await tracking.removeTag(ctx, runIdOf(ids), key)
    return {}
  },
})

const search = defineMlflow({
  method: 'POST',
  path: '/mlflow/runs/search',
  summary: 'Runs that match a filter, a page at a time',
  scope: 'read',
  input: z.object({
    ...searchMembers('POST', 1_000, 50_000),
    experiment_ids: repeated(ExperimentId),
    run_view_type: ViewType,
  }),
  async handle({ tracking }, ctx, { filter, order_by, max_results, page_token, ...query }) {
    const { runs, nextToken } = await tracking.search(ctx, {
      experiments: query.experiment_ids,
      view: query.run_view_type,
      orderBy: order_by,
      limit: max_results,
      ...(filter === undefined ? {} : { filter }),
      ...(page_token === undefined ? {} : { pageToken: page_token }),
    })
    return { runs: some(runs.map(runOut)), next_page_token: nextToken }
  },
})

export const runRoutes: readonly MlflowRoute[] = [
  search,
  create,
  get,
  update,
  setDeleted('delete'),
  setDeleted('restore'),
  logMetric,
  logParameter,
  logBatch,
  setTag,
  deleteTag,
]

function runOut(run: TrackedRun): object {
  return {
    info: infoOut(run),
    data: {
      metrics: some(run.metrics.map(metricOut)),
      params: some(run.params),
      tags: some(run.tags),
    },
    inputs: {
      dataset_inputs: some(run.datasets.map(datasetOut)),
      model_inputs: some(run.modelInputs.map(({ model }) => ({ model_id: model }))),
    },
    outputs: {
      model_outputs: some(run.modelOutputs.map(({ model, step }) => ({ model_id: model, step }))),
    },
  }
}

function datasetOut({ dataset, tags }: DatasetInput): object {
  const { sourceType, ...rest } = dataset
  return { tags: some(tags), dataset: { ...rest, source_type: sourceType } }
}

function infoOut({
  id,
  experiment,
  name,
  userId,
  phase,
  startMs,
  endMs,
  isDeleted,
}: TrackedRun): object {
  return {
    run_uuid: id,
    run_id: id,
    experiment_id: String(experiment),
    run_name: name,
    user_id: userId,
    status: phase,
    start_time: startMs,
    end_time: endMs,
    artifact_uri: runLocation(experiment, id),
    lifecycle_stage: isDeleted ? 'deleted' : 'active',
  }
}

export function metricOut({ key, value, step, atMs }: NamedPoint): object {
  return { key, value: doubleOut(value), timestamp: atMs, step }
}
