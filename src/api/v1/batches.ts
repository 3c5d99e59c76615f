import { Batch, BatchShard, StartBatch } from '@gyre/sdk/wire/batch'
import { Name } from '@gyre/sdk/wire/ref'
import { z } from 'zod'
import { defineRoute } from '../route.ts'

const BatchId = z.strictObject({ batch: z.string().min(1) })

export const startBatch = defineRoute({
  method: 'POST',
  path: '/api/v1/endpoints/:endpoint/batches',
  summary: 'Answer every row of a stored file of Parquet or CSV; answers at once',
  scope: 'write',
  params: z.strictObject({ endpoint: Name }),
  body: StartBatch,
  reply: Batch,
  status: 202,
  errors: ['NOT_FOUND', 'INVALID_ARGUMENT', 'INVALID_INPUT', 'CONFLICT', 'UNAVAILABLE'],
  handle: ({ batches }, ctx, { params, body }) => batches.start(ctx, params.endpoint, body),
})

export const listBatches = defineRoute({
  method: 'GET',
  path: '/api/v1/batches',
  summary: 'Batches, newest first',
  scope: 'read',
  query: z.strictObject({ limit: z.coerce.number().int().min(1).max(200).default(20) }),
  reply: z.strictObject({ batches: z.array(Batch) }),
  errors: ['INVALID_ARGUMENT'],
  handle: async ({ batches }, ctx, { query }) => ({
    batches: [...(await batches.list(ctx, query.limit))],
  }),
})

export const showBatch = defineRoute({
  method: 'GET',
  path: '/api/v1/batches/:batch',
  summary: 'How far a batch is',
  scope: 'read',
  params: BatchId,
  reply: Batch,
  errors: ['NOT_FOUND'],
  handle: ({ batches }, ctx, { params }) => batches.get(ctx, params.batch),
})

export const listBatchShards = defineRoute({
  method: 'GET',
  path: '/api/v1/batches/:batch/shards',
  summary: 'The finished files of answers of a batch, in the order of their rows',
  scope: 'read',
  params: BatchId,
  query: z.strictObject({
    after: z.coerce.number().int().min(-1).default(-1),
    limit: z.coerce.number().int().min(1).max(1_000).default(1_000),
  }),
  reply: z.strictObject({ shards: z.array(BatchShard) }),
  errors: ['NOT_FOUND', 'INVALID_ARGUMENT'],
  handle: async ({ batches }, ctx, { params, query }) => ({
    shards: [...(await batches.shards(ctx, params.batch, query.after, query.limit))],
  }),
})

export const cancelBatch = defineRoute({
  method: 'POST',
  path: '/api/v1/batches/:batch/cancel',
  summary: 'Stop a batch where it is; its finished files of answers stay',
  scope: 'write',
  params: BatchId,
  reply: Batch,
  errors: ['NOT_FOUND', 'CONFLICT'],
  handle: ({ batches }, ctx, { params }) => batches.cancel(ctx, params.batch),
})
