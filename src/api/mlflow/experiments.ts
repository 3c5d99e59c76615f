import { z } from 'zod'
import type { Experiment } from '../../tracking/experiments.ts'
import { experimentLocation } from '../../tracking/locations.ts'
import { defineMlflow, type MlflowRoute } from './route.ts'
import { Label, repeated, Required, searchMembers, some, ViewType } from './wire.ts'

/** An experiment's id: its number as text. */
export const ExperimentId = Required.transform((text, ctx): number => {
  const number = Number(text)
  if (/^-?\d{1,15}$/.test(text)) return number
  ctx.addIssue({ code: 'custom', message: `expected the number of an experiment, got ${text}` })
  return z.NEVER
})

const create = defineMlflow({
  method: 'POST',
  path: '/mlflow/experiments/create',
  summary: 'Make an experiment',
  scope: 'write',
  input: z.object({
    name: Required,
    artifact_location: z.string().optional(),
    tags: repeated(Label),
  }),
  async handle({ tracking }, ctx, { name, artifact_location: location, tags }) {
    const tagOf = Object.fromEntries(tags.map(({ key, value }) => [key, value]))
    const { number } = await tracking.experiments.create(ctx, {
      name,
      tags: tagOf,
      ...(location ? { location } : {}),
    })
    return { experiment_id: String(number) }
  },
})

const get = defineMlflow({
  method: 'GET',
  path: '/mlflow/experiments/get',
  summary: 'An experiment by its id',
  scope: 'read',
  input: z.object({ experiment_id: ExperimentId }),
  async handle({ tracking }, ctx, { experiment_id: number }) {
    return { experiment: experimentOut(await tracking.experiments.get(ctx, number)) }
  },
})

const getByName = defineMlflow({
  method: 'GET',
  path: '/mlflow/experiments/get-by-name',
  summary: 'An experiment by its name, a deleted one too',
  scope: 'read',
  input: z.object({ experiment_name: Required }),
  async handle({ tracking }, ctx, { experiment_name: name }) {
    return { experiment: experimentOut(await tracking.experiments.byName(ctx, name)) }
  },
})

const update = defineMlflow({
  method: 'POST',
  path: '/mlflow/experiments/update',
  summary: 'Give an experiment another name',
  scope: 'write',
  input: z.object({ experiment_id: ExperimentId, new_name: Required }),
  async handle({ tracking }, ctx, { experiment_id: number, new_name: name }) {
    await tracking.experiments.rename(ctx, number, name)
    return {}
  },
})

const remove = defineMlflow({
  method: 'POST',
  path: '/mlflow/experiments/delete',
  summary: 'Delete an experiment and its runs; restore takes it back',
  scope: 'write',
  input: z.object({ experiment_id: ExperimentId }),
  async handle({ tracking }, ctx, { experiment_id: number }) {
    await tracking.experiments.remove(ctx, number)
    return {}
  },
})

const restore = defineMlflow({
  method: 'POST',
  path: '/mlflow/experiments/restore',
  summary: 'Take a deleted experiment and its runs back',
  scope: 'write',
  input: z.object({ experiment_id: ExperimentId }),
  async handle({ tracking }, ctx, { experiment_id: number }) {
    await tracking.experiments.restore(ctx, number)
    return {}
  },
})

const setTag = defineMlflow({
  method: 'POST',
  path: '/mlflow/experiments/set-experiment-tag',
  summary: 'Set a tag of an experiment',
  scope: 'write',
  input: z.object({ experiment_id: ExperimentId, key: Required, value: z.string() }),
  async handle({ tracking }, ctx, { experiment_id: number, key, value }) {
    await tracking.experiments.setTag(ctx, number, key, value)
    return {}
  },
})

const deleteTag = defineMlflow({
  method: 'POST',
  path: '/mlflow/experiments/delete-experiment-tag',
  summary: 'Take a tag off an experiment',
  scope: 'write',
  input: z.object({ experiment_id: ExperimentId, key: Required }),
  async handle({ tracking }, ctx, { experiment_id: number, key }) {
    await tracking.experiments.removeTag(ctx, number, key)
    return {}
  },
})

const searchBy = (method: 'GET' | 'POST') =>
  defineMlflow({
    method,
    path: '/mlflow/experiments/search',
    summary: 'Experiments that match a filter, a page at a time',
    scope: 'read',
    input: z.object({ ...searchMembers(method, 1_000, 50_000), view_type: ViewType }),
    async handle({ tracking }, ctx, { filter, order_by, max_results, page_token, view_type }) {
      const { experiments, nextToken } = await tracking.experiments.search(ctx, {
        view: view_type,
        orderBy: order_by,
        limit: max_results,
        ...(filter === undefined ? {} : { filter }),
        ...(page_token === undefined ? {} : { pageToken: page_token }),
      })
      return { experiments: some(experiments.map(experimentOut)), next_page_token: nextToken }
    },
  })

export const experimentRoutes: readonly MlflowRoute[] = [
  searchBy('GET'),
  searchBy('POST'),
  create,
  get,
  getByName,
  update,
  remove,
  restore,
  setTag,
  deleteTag,
]

function experimentOut({
  number,
  name,
  createdMs,
  updatedMs,
  isDeleted,
  tags,
}: Experiment): object {
  return {
    experiment_id: String(number),
    name,
    artifact_location: experimentLocation(number),
    lifecycle_stage: isDeleted ? 'deleted' : 'active',
    last_update_time: updatedMs,
    creation_time: createdMs,
    tags: some(Object.entries(tags).map(([key, value]) => ({ key, value }))),
  }
}
