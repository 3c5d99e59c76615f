import { DatasetVersion } from '@gyre/sdk/wire/dataset'
import { DigestText, Name } from '@gyre/sdk/wire/ref'
import { z } from 'zod'
import { GyreError } from '../../core/errors.ts'
import { defineRoute } from '../route.ts'

export const importDataset = defineRoute({
  method: 'POST',
  path: '/api/v1/datasets/:name/versions',
  summary: 'Check an uploaded file against its contract and keep it as the next version',
  scope: 'write',
  params: z.strictObject({ name: Name }),
  body: z.strictObject({ source: DigestText }),
  reply: DatasetVersion,
  status: 201,
  errors: ['NOT_FOUND', 'CONTRACT_BROKEN', 'INVALID_INPUT', 'INVALID_ARGUMENT'],
  async handle({ projects, data }, ctx, { params, body }) {
    const { manifest } = await projects.current(ctx)
    const spec = manifest.datasets.find(({ name }) => name === params.name)
    if (!spec)
      throw new GyreError('NOT_FOUND', `the project declares no dataset ${params.name}`, {
        dataset: params.name,
      })
    return data.importVersion(ctx, spec, body.source)
  },
})

export const listDatasets = defineRoute({
  method: 'GET',
  path: '/api/v1/datasets',
  summary: 'Dataset versions, newest first',
  scope: 'read',
  query: z.strictObject({ name: z.exactOptional(Name) }),
  reply: z.strictObject({ versions: z.array(DatasetVersion) }),
  errors: [],
  handle: async ({ data }, ctx, { query }) => ({
    versions: [...(await data.list(ctx, query.name))],
  }),
})
