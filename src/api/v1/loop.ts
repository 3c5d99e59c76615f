import { Instant, Name } from '@gyre/sdk/wire/ref'
import { Retrain } from '@gyre/sdk/wire/trigger'
import { z } from 'zod'
import { defineRoute } from '../route.ts'

export const settle = defineRoute({
  method: 'POST',
  path: '/api/v1/endpoints/:endpoint/settle',
  summary:
    'Do all that is due by an event time: windows, triggers, retrainings, releases; for replays',
  scope: 'write',
  params: z.strictObject({ endpoint: Name }),
  body: z.strictObject({ at: Instant }),
  reply: z.strictObject({ at: Instant }),
  errors: ['NOT_FOUND'],
  async handle({ loop }, ctx, { params, body }) {
    await loop.settle(ctx, params.endpoint, new Date(body.at), AbortSignal.timeout(SETTLE_MS))
    return body
  },
})

/** A settling that takes longer has lost its pipeline; the loop goes on by itself. */
const SETTLE_MS = 10 * 60_000

export const listRetrains = defineRoute({
  method: 'GET',
  path: '/api/v1/retrains',
  summary: 'What fired, and what became of it, oldest first',
  scope: 'read',
  query: z.strictObject({ endpoint: z.exactOptional(Name) }),
  reply: z.strictObject({ retrains: z.array(Retrain) }),
  errors: [],
  handle: async ({ loop }, ctx, { query }) => ({
    retrains: [...(await loop.retrains(ctx, query.endpoint))],
  }),
})
