import { Backfill, PartitionRow, StartBackfill } from '@gyre/sdk/wire/partition'
import { Name } from '@gyre/sdk/wire/ref'
import { z } from 'zod'
import { defineRoute } from '../route.ts'

const PipelineName = z.strictObject({ name: Name })
const BackfillId = z.strictObject({ backfill: z.string().min(1) })

export const listPartitions = defineRoute({
  method: 'GET',
  path: '/api/v1/pipelines/:name/partitions',
  summary: 'The partitions of a pipeline that have ended, and how the newest run of each went',
  scope: 'read',
  params: PipelineName,
  query: z.strictObject({ from: z.exactOptional(z.string()), to: z.exactOptional(z.string()) }),
  reply: z.strictObject({ partitions: z.array(PartitionRow) }),
  errors: ['NOT_FOUND', 'CONFLICT', 'INVALID_ARGUMENT'],
  handle: async ({ pipelines }, ctx, { params, query }) => ({
    partitions: [...(await pipelines.backfills.partitions(ctx, params.name, query))],
  }),
})

export const startBackfill = defineRoute({
  method: 'POST',
  path: '/api/v1/pipelines/:name/backfills',
  summary: 'Run a pipeline for each of its partitions that calls for it; answers at once',
  scope: 'write',
  params: PipelineName,
  body: StartBackfill,
  reply: Backfill,
  status: 202,
  errors: ['NOT_FOUND', 'CONFLICT', 'INVALID_ARGUMENT'],
  handle: ({ pipelines }, ctx, { params, body }) =>
    pipelines.backfills.start(ctx, params.name, body),
})

export const listBackfills = defineRoute({
  method: 'GET',
  path: '/api/v1/backfills',
  summary: 'Backfills, newest first',
  scope: 'read',
  query: z.strictObject({ limit: z.coerce.number().int().min(1).max(200).default(20) }),
  reply: z.strictObject({ backfills: z.array(Backfill) }),
  errors: [],
  handle: async ({ pipelines }, ctx, { query }) => ({
    backfills: [...(await pipelines.backfills.list(ctx, query.limit))],
  }),
})

export const showBackfill = defineRoute({
  method: 'GET',
  path: '/api/v1/backfills/:backfill',
  summary: 'How far a backfill is',
  scope: 'read',
  params: BackfillId,
  reply: Backfill,
  errors: ['NOT_FOUND'],
  handle: ({ pipelines }, ctx, { params }) => pipelines.backfills.get(ctx, params.backfill),
})

export const cancelBackfill = defineRoute({
  method: 'POST',
  path: '/api/v1/backfills/:backfill/cancel',
  summary: 'Start no further run of a backfill; those under way go on',
  scope: 'write',
  params: BackfillId,
  reply: Backfill,
  errors: ['NOT_FOUND', 'CONFLICT'],
  handle: ({ pipelines }, ctx, { params }) => pipelines.backfills.cancel(ctx, params.backfill),
})
