import { z } from 'zod'
import { bareVersionOut, filesLocation, StageIn, VersionIn, versionOut } from './model-out.ts'
import { defineMlflow, type MlflowRoute } from './route.ts'
import { Label, repeated, Required, searchMembers, some } from './wire.ts'

const Key = z.object({ name: Required, version: VersionIn })

const create = defineMlflow({
  method: 'POST',
  path: '/mlflow/model-versions/create',
  summary: 'A new version of a model, of the files as they are now',
  scope: 'write',
  input: z.object({
    name: Required,
    source: Required,
    run_id: z.string().optional(),
    model_id: z.string().optional(),
    run_link: z.string().default(''),
    description: z.string().default(''),
    tags: repeated(Label),
  }),
  async handle({ registry }, ctx, { run_id: runId, model_id: modelId, run_link, ...input }) {
    const asked = { ...input, runId, modelId, runLink: run_link }
    return { model_version: versionOut(await registry.versions.create(ctx, asked)) }
  },
})

const get = defineMlflow({
  method: 'GET',
  path: '/mlflow/model-versions/get',
  summary: 'A version of a model',
  scope: 'read',
  input: Key,
  handle: async ({ registry }, ctx, key) => ({
    model_version: versionOut(await registry.versions.get(ctx, key)),
  }),
})

const update = defineMlflow({
  method: 'PATCH',
  path: '/mlflow/model-versions/update',
  summary: 'Describe a version anew',
  scope: 'write',
  input: Key.extend({ description: z.string().optional() }),
  async handle({ registry }, ctx, { description = null, ...key }) {
    return { model_version: versionOut(await registry.versions.describe(ctx, key, description)) }
  },
})

const remove = defineMlflow({
  method: 'DELETE',
  path: '/mlflow/model-versions/delete',
  summary: 'Delete a version, unless a route names it',
  scope: 'write',
  input: Key,
  async handle({ registry }, ctx, key) {
    await registry.versions.remove(ctx, key)
    return {}
  },
})

const search = defineMlflow({
  method: 'GET',
  path: '/mlflow/model-versions/search',
  summary: 'Versions that match a filter, a page at a time',
  scope: 'read',
  input: z.object(searchMembers('GET', 200_000, 200_000)),
  async handle({ registry }, ctx, { filter, order_by, max_results, page_token }) {
    const { versions, nextToken } = await registry.versions.search(ctx, {
      orderBy: order_by,
      limit: max_results,
      ...(filter === undefined ? {} : { filter }),
      ...(page_token === undefined ? {} : { pageToken: page_token }),
    })
    return { model_versions: some(versions.map(bareVersionOut)), next_page_token: nextToken }
  },
})

const downloadUri = defineMlflow({
  method: 'GET',
  path: '/mlflow/model-versions/get-download-uri',
  summary: 'Where the files of a version are, as they were when it was made',
  scope: 'read',
  input: Key,
  handle: async ({ registry }, ctx, key) => ({
    artifact_uri: filesLocation(await registry.versions.get(ctx, key)),
  }),
})

const transitionStage = defineMlflow({
  method: 'POST',
  path: '/mlflow/model-versions/transition-stage',
  summary: 'Move a version to a stage, if its gates permit; traffic stays as it is',
  scope: 'approve',
  input: Key.extend({ stage: StageIn, archive_existing_versions: z.boolean().default(false) }),
  async handle({ registry }, ctx, { stage: to, archive_existing_versions, ...key }) {
    const asked = { to, archiveExisting: archive_existing_versions }
    return { model_version: versionOut(await registry.versions.transition(ctx, key, asked)) }
  },
})

const setTag = defineMlflow({
  method: 'POST',
  path: '/mlflow/model-versions/set-tag',
  summary: 'Set a tag of a version',
  scope: 'write',
  input: Key.extend(Label.shape),
  async handle({ registry }, ctx, { key, value, ...version }) {
    await registry.versions.setTag(ctx, version, { key, value })
    return {}
  },
})

const deleteTag = defineMlflow({
  method: 'DELETE',
  path: '/mlflow/model-versions/delete-tag',
  summary: 'Take a tag off a version',
  scope: 'write',
  input: Key.extend({ key: Required }),
  async handle({ registry }, ctx, { key, ...version }) {
    await registry.versions.removeTag(ctx, version, key)
    return {}
  },
})

export const modelVersionRoutes: readonly MlflowRoute[] = [
  create,
  get,
  update,
  remove,
  search,
  downloadUri,
  transitionStage,
  setTag,
  deleteTag,
]
