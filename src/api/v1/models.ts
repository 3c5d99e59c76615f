import { Lineage, LineageDirection } from '@gyre/sdk/wire/lineage'
import {
  AliasMove,
  ApproveRequest,
  ModelCard,
  ModelReport,
  ModelVersion,
  Prepared,
  RegisterVersion,
  StageRequest,
} from '@gyre/sdk/wire/model'
import { ModelName, Name, RefText } from '@gyre/sdk/wire/ref'
import { z } from 'zod'
import { GyreError } from '../../core/errors.ts'
import { formatRef } from '../../core/ref.ts'
import { defineRoute } from '../route.ts'

const VersionParams = z.strictObject({ name: ModelName, version: z.string().min(1) })

const refOf = ({ name, version }: z.infer<typeof VersionParams>): string =>
  formatRef({ kind: 'model', name, version })

export const listModels = defineRoute({
  method: 'GET',
  path: '/api/v1/models',
  summary: 'Model versions, newest first',
  scope: 'read',
  query: z.strictObject({ name: z.exactOptional(ModelName) }),
  reply: z.strictObject({ versions: z.array(ModelVersion) }),
  errors: [],
  handle: async ({ registry }, ctx, { query }) => ({
    versions: [...(await registry.list(ctx, query.name))],
  }),
})

export const showModel = defineRoute({
  method: 'GET',
  path: '/api/v1/models/:name',
  summary: 'Which version serves where, trained on what, approved by whom, how good',
  scope: 'read',
  params: z.strictObject({ name: ModelName }),
  reply: ModelReport,
  errors: ['NOT_FOUND'],
  async handle({ registry, routes }, ctx, { params }) {
    const states = await Promise.all(
      routes.list(ctx.project).map(({ spec }) => routes.get(ctx, spec.name)),
    )
    return registry.show(ctx, params.name, states)
  },
})

export const showModelVersion = defineRoute({
  method: 'GET',
  path: '/api/v1/models/:name/versions/:version',
  summary: 'One version; an alias may stand for its number',
  scope: 'read',
  params: VersionParams,
  reply: ModelVersion,
  errors: ['NOT_FOUND'],
  handle: ({ registry }, ctx, { params }) => registry.get(ctx, refOf(params)),
})

export const registerModelFiles = defineRoute({
  method: 'POST',
  path: '/api/v1/models/:name/versions',
  summary:
    'Register a version by its files, or by the run that holds them; the same files give the same version',
  scope: 'write',
  params: z.strictObject({ name: Name }),
  body: RegisterVersion,
  reply: ModelVersion,
  status: 201,
  errors: ['NOT_FOUND', 'INVALID_ARGUMENT'],
  async handle({ registry }, ctx, { params, body: { files, source } }) {
    if (files && source === undefined) return registry.registerFiles(ctx, params.name, files)
    if (source !== undefined && !files) return registry.registerSource(ctx, params.name, source)
    throw new GyreError('INVALID_ARGUMENT', 'files: expected either files or source', {
      field: 'files',
    })
  },
})

export const prepareModel = defineRoute({
  method: 'POST',
  path: '/api/v1/models/:name/versions/:version/prepare',
  summary: 'What answers for a version: itself, or the ONNX form that a run makes of it',
  scope: 'write',
  params: VersionParams,
  reply: Prepared,
  errors: ['NOT_FOUND', 'INVALID_INPUT', 'FORBIDDEN'],
  handle: ({ convert }, ctx, { params }) => convert.prepare(ctx, refOf(params)),
})

export const showModelCard = defineRoute({
  method: 'GET',
  path: '/api/v1/models/:name/versions/:version/card',
  summary: 'One version with its signature, data, parameters, verdict and approval',
  scope: 'read',
  params: VersionParams,
  reply: ModelCard,
  errors: ['NOT_FOUND'],
  handle: ({ registry }, ctx, { params }) => registry.card(ctx, refOf(params)),
})

export const approveModel = defineRoute({
  method: 'POST',
  path: '/api/v1/models/:name/versions/:version/approve',
  summary: 'Approve or reject a version, in the name of whoever asks',
  scope: 'approve',
  params: VersionParams,
  body: ApproveRequest,
  reply: ModelVersion,
  errors: ['NOT_FOUND', 'FORBIDDEN'],
  handle: ({ registry }, ctx, { params, body }) => registry.approve(ctx, refOf(params), body),
})

export const stageModel = defineRoute({
  method: 'POST',
  path: '/api/v1/models/:name/versions/:version/stage',
  summary: 'Move a version to a stage; traffic stays as it is',
  scope: 'approve',
  params: VersionParams,
  body: StageRequest,
  reply: ModelVersion,
  errors: ['NOT_FOUND', 'CONFLICT', 'GATE_REFUSED', 'APPROVAL_MISSING'],
  handle: ({ registry }, ctx, { params, body }) => registry.stage(ctx, refOf(params), body.stage),
})

export const aliasModel = defineRoute({
  method: 'PUT',
  path: '/api/v1/models/:name/versions/:version/aliases/:alias',
  summary: 'Point an alias at a version; `production` follows releases',
  scope: 'write',
  params: z.strictObject({ ...VersionParams.shape, alias: Name }),
  reply: ModelVersion,
  errors: ['NOT_FOUND', 'CONFLICT', 'GATE_REFUSED', 'APPROVAL_MISSING'],
  handle: ({ registry }, ctx, { params }) => registry.setAlias(ctx, refOf(params), params.alias),
})

export const listAliasMoves = defineRoute({
  method: 'GET',
  path: '/api/v1/models/:name/aliases',
  summary: 'Where the aliases of a model have pointed, oldest first',
  scope: 'read',
  params: z.strictObject({ name: ModelName }),
  query: z.strictObject({ alias: z.exactOptional(z.string()) }),
  reply: z.strictObject({ moves: z.array(AliasMove) }),
  errors: ['NOT_FOUND'],
  handle: async ({ registry }, ctx, { params, query }) => ({
    moves: [...(await registry.models.aliasHistory(ctx, params.name, query.alias))],
  }),
})

export const showLineage = defineRoute({
  method: 'GET',
  path: '/api/v1/lineage',
  summary: 'What a thing was made of, and what was made of it',
  scope: 'read',
  query: z.strictObject({ ref: RefText, direction: LineageDirection.default('up') }),
  reply: Lineage,
  errors: ['NOT_FOUND', 'INVALID_ARGUMENT'],
  handle: ({ registry }, ctx, { query }) => registry.lineage(ctx, query.ref, query.direction),
})
