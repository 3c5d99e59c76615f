import { Run } from '@gyre/sdk/wire/run'
import { z } from 'zod'
import { defineRoute } from '../route.ts'

export const listRuns = defineRoute({
  method: 'GET',
  path: '/api/v1/runs',
  summary: 'Runs, newest first',
  scope: 'read',
  query: z.strictObject({
    kind: z.exactOptional(z.string()),
    name: z.exactOptional(z.string()),
    limit: z.coerce.number().int().min(1).max(1000).default(50),
    cursor: z.exactOptional(z.string()),
  }),
  reply: z.strictObject({ runs: z.array(Run), next: z.string().nullable() }),
  errors: ['INVALID_ARGUMENT'],
  async handle({ runs }, ctx, { query: { limit, cursor, ...filter } }) {
    const page = await runs.list(ctx, filter, limit, cursor)
    return { runs: [...page.runs], next: page.next ?? null }
  },
})

export const showRun = defineRoute({
  method: 'GET',
  path: '/api/v1/runs/:run',
  summary: 'One run with its latest metrics, inputs and outputs',
  scope: 'read',
  params: z.strictObject({ run: z.string().min(1) }),
  reply: Run,
  errors: ['NOT_FOUND'],
  handle: ({ runs }, ctx, { params }) => runs.get(ctx, params.run),
})
