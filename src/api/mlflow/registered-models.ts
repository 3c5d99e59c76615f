import { z } from 'zod'
import { inStages } from '../../registry/registered-model.ts'
import { modelOut, StageIn, VersionIn, versionOut } from './model-out.ts'
import { defineMlflow, type MlflowRoute } from './route.ts'
import { Label, repeated, repeatedInQuery, Required, searchMembers, some } from './wire.ts'

const create = defineMlflow({
  method: 'POST',
  path: '/mlflow/registered-models/create',
  summary: 'Register a name for versions of a model',
  scope: 'write',
  input: z.object({
    name: Required,
    description: z.string().default(''),
    tags: repeated(Label),
  }),
  handle: async ({ registry }, ctx, input) => ({
    registered_model: modelOut(await registry.models.create(ctx, input)),
  }),
})

const get = defineMlflow({
  method: 'GET',
  path: '/mlflow/registered-models/get',
  summary: 'A registered model with its newest versions',
  scope: 'read',
  input: z.object({ name: Required }),
  handle: async ({ registry }, ctx, { name }) => ({
    registered_model: modelOut(await registry.models.get(ctx, name)),
  }),
})

const update = defineMlflow({
  method: 'PATCH',
  path: '/mlflow/registered-models/update',
  summary: 'Describe a registered model anew',
  scope: 'write',
  input: z.object({ name: Required, description: z.string().default('') }),
  handle: async ({ registry }, ctx, { name, description }) => ({
    registered_model: modelOut(await registry.models.describe(ctx, name, description)),
  }),
})

const rename = defineMlflow({
  method: 'POST',
  path: '/mlflow/registered-models/rename',
  summary: 'Give a registered model another name, unless code or an endpoint holds to it',
  scope: 'write',
  input: z.object({ name: Required, new_name: Required }),
  handle: async ({ registry }, ctx, { name, new_name: to }) => ({
    registered_model: modelOut(await registry.models.rename(ctx, name, to)),
  }),
})

const remove = defineMlflow({
  method: 'DELETE',
  path: '/mlflow/registered-models/delete',
  summary: 'Delete a registered model with its versions, unless a route names one',
  scope: 'write',
  input: z.object({ name: Required }),
  async handle({ registry }, ctx, { name }) {
    await registry.models.remove(ctx, name)
    return {}
  },
})

const search = defineMlflow({
  method: 'GET',
  path: '/mlflow/registered-models/search',
  summary: 'Registered models that match a filter, a page at a time',
  scope: 'read',
  input: z.object(searchMembers('GET', 100, 1_000)),
  async handle({ registry }, ctx, { filter, order_by, max_results, page_token }) {
    const { models, nextToken } = await registry.models.search(ctx, {
      orderBy: order_by,
      limit: max_results,
      ...(filter === undefined ? {} : { filter }),
      ...(page_token === undefined ? {} : { pageToken: page_token }),
    })
    return { registered_models: some(models.map(modelOut)), next_page_token: nextToken }
  },
})

const latestBy = (method: 'GET' | 'POST') =>
  defineMlflow({
    method,
    path: '/mlflow/registered-models/get-latest-versions',
    summary: 'The newest version in each stage',
    scope: 'read',
    input: z.object({
      name: Required,
      stages: method === 'GET' ? repeatedInQuery(StageIn) : repeated(StageIn),
    }),
    async handle({ registry }, ctx, { name, stages }) {
      const model = await registry.models.get(ctx, name)
      const versions = stages.length === 0 ? model.latest : inStages(model, stages)
      return { model_versions: some(versions.map(versionOut)) }
    },
  })

const setTag = defineMlflow({
  method: 'POST',
  path: '/mlflow/registered-models/set-tag',
  summary: 'Set a tag of a registered model',
  scope: 'write',
  input: z.object({ name: Required, ...Label.shape }),
  async handle({ registry }, ctx, { name, ...tag }) {
    await registry.models.setTag(ctx, name, tag)
    return {}
  },
})

const deleteTag = defineMlflow({
  method: 'DELETE',
  path: '/mlflow/registered-models/delete-tag',
  summary: 'Take a tag off a registered model',
  scope: 'write',
  input: z.object({ name: Required, key: Required }),
  async handle({ registry }, ctx, { name, key }) {
    await registry.models.removeTag(ctx, name, key)
    return {}
  },
})

const setAlias = defineMlflow({
  method: 'POST',
  path: '/mlflow/registered-models/alias',
  summary: 'Point an alias at a version; one that promotes a gated model asks its gates',
  scope: 'write',
  input: z.object({ name: Required, alias: Required, version: VersionIn }),
  async handle({ registry }, ctx, { name, alias, version }) {
    await registry.versions.setAlias(ctx, { name, version }, alias)
    return {}
  },
})

const getByAlias = defineMlflow({
  method: 'GET',
  path: '/mlflow/registered-models/alias',
  summary: 'The version that an alias points at',
  scope: 'read',
  input: z.object({ name: Required, alias: Required }),
  handle: async ({ registry }, ctx, { name, alias }) => ({
    model_version: versionOut(await registry.versions.byAlias(ctx, name, alias)),
  }),
})

const deleteAlias = defineMlflow({
  method: 'DELETE',
  path: '/mlflow/registered-models/alias',
  summary: 'Take an alias away',
  scope: 'write',
  input: z.object({ name: Required, alias: Required }),
  async handle({ registry }, ctx, { name, alias }) {
    await registry.versions.removeAlias(ctx, name, alias)
    return {}
  },
})

export const registeredModelRoutes: readonly MlflowRoute[] = [
  create,
  get,
  update,
  rename,
  remove,
  search,
  latestBy('GET'),
  latestBy('POST'),
  setTag,
  deleteTag,
  setAlias,
  getByAlias,
  deleteAlias,
]
