import { Experiment, View } from '@gyre/sdk/wire/experiment'
import { z } from 'zod'
import type { Context } from '../../core/context.ts'
import type { Experiment as Known } from '../../tracking/experiments.ts'
import type { Tracking } from '../../tracking/tracking.ts'
import { defineRoute } from '../route.ts'
import { OrderBy } from './order-by.ts'

export const listExperiments = defineRoute({
  method: 'GET',
  path: '/api/v1/experiments',
  summary: 'Experiments that match a filter, newest first unless an order is given',
  scope: 'read',
  query: z.strictObject({
    filter: z.exactOptional(z.string()),
    order_by: OrderBy,
    view: View.default('active'),
    limit: z.coerce.number().int().min(1).max(1000).default(50),
    cursor: z.exactOptional(z.string()),
  }),
  reply: z.strictObject({ experiments: z.array(Experiment), next: z.string().nullable() }),
  errors: ['INVALID_ARGUMENT'],
  async handle({ tracking }, ctx, { query: { order_by: orderBy, cursor, ...query } }) {
    const asked = { ...query, orderBy, ...(cursor === undefined ? {} : { pageToken: cursor }) }
    const { experiments, nextToken = null } = await tracking.experiments.search(ctx, asked)
    return { experiments: experiments.map(toWire), next: nextToken }
  },
})

export const showExperiment = defineRoute({
  method: 'GET',
  path: '/api/v1/experiments/:experiment',
  summary: 'An experiment by its id or its name, a deleted one too',
  scope: 'read',
  params: z.strictObject({ experiment: z.string().min(1) }),
  reply: Experiment,
  errors: ['NOT_FOUND'],
  handle: async ({ tracking }, ctx, { params }) =>
    toWire(await findExperiment(tracking, ctx, params.experiment)),
})

/** Digits are an id, anything else is a name. Throws NOT_FOUND. */
export function findExperiment(
  { experiments }: Tracking,
  ctx: Context,
  text: string,
): Promise<Known> {
  return /^\d{1,15}$/.test(text)
    ? experiments.get(ctx, Number(text))
    : experiments.byName(ctx, text)
}

function toWire({ number, name, createdMs, updatedMs, isDeleted, tags }: Known): Experiment {
  return {
    id: String(number),
    name,
    isDeleted,
    createdAt: new Date(createdMs).toISOString(),
    updatedAt: new Date(updatedMs).toISOString(),
    tags: { ...tags },
  }
}
