import { View } from '@gyre/sdk/wire/experiment'
import {
  HeldRunBeat,
  HeldRunEnd,
  HeldRunStart,
  MetricSample,
  Run,
  RunCheckpoint,
  RunDifference,
} from '@gyre/sdk/wire/run'
import { z } from 'zod'
import type { Context } from '../../core/context.ts'
import { GyreError } from '../../core/errors.ts'
import type { ChunkPoint, Int64 } from '../../store/metric-chunks.ts'
import type { RunFilter } from '../../store/runs.ts'
import type { Rooms } from '../rooms.ts'
import { defineRoute } from '../route.ts'
import { findExperiment } from './experiments.ts'
import { OrderBy } from './order-by.ts'

const Page = {
  limit: z.coerce.number().int().min(1).max(1000).default(50),
  cursor: z.exactOptional(z.string()),
}

const Search = z.strictObject({
  experiment: z.exactOptional(z.string().min(1)),
  filter: z.exactOptional(z.string()),
  order_by: OrderBy,
  view: View.default('active'),
  ...Page,
})

const Listing = z.strictObject({
  ...Search.shape,
  kind: z.exactOptional(z.string()),
  name: z.exactOptional(z.string()),
})

/** What makes a listing a search: among the runs that clients log under experiments. */
function isSearch({ experiment, filter, order_by, view }: z.infer<typeof Search>): boolean {
  return (
    experiment !== undefined || filter !== undefined || order_by.length > 0 || view !== 'active'
  )
}

export const listRuns = defineRoute({
  method: 'GET',
  path: '/api/v1/runs',
  summary:
    'Runs, newest first; with an experiment, a filter, an order or a view those of experiments that match',
  scope: 'read',
  query: Listing,
  reply: z.strictObject({ runs: z.array(Run), next: z.string().nullable() }),
  errors: ['INVALID_ARGUMENT', 'NOT_FOUND'],
  async handle(rooms, ctx, { query: { kind, name, ...asked } }) {
    const filter = {
      ...(kind === undefined ? {} : { kind }),
      ...(name === undefined ? {} : { name }),
    }
    if (isSearch(asked)) {
      const [field] = Object.keys(filter)
      if (field === undefined) return search(rooms, ctx, asked)
      throw new GyreError(
        'INVALID_ARGUMENT',
        `${field}: not together with experiment, filter, order_by or view; say it in the filter`,
        { field },
      )
    }
    return list(rooms, ctx, filter, asked)
  },
})

async function list(
  { runs }: Rooms,
  ctx: Context,
  filter: RunFilter,
  { limit, cursor }: z.infer<typeof Search>,
) {
  const page = await runs.list(ctx, filter, limit, cursor)
  return { runs: [...page.runs], next: page.next ?? null }
}

async function search({ runs, tracking }: Rooms, ctx: Context, asked: z.infer<typeof Search>) {
  const { experiment, filter, order_by: orderBy, view, limit, cursor } = asked
  const experiments =
    experiment === undefined ? 'all' : [(await findExperiment(tracking, ctx, experiment)).number]
  const found = await tracking.search(ctx, {
    experiments,
    orderBy,
    view,
    limit,
    ...(filter === undefined ? {} : { filter }),
    ...(cursor === undefined ? {} : { pageToken: cursor }),
  })
  const page = await runs.getMany(
    ctx,
    found.runs.map(({ id }) => id),
  )
  return { runs: [...page], next: found.nextToken ?? null }
}

const RunParams = z.strictObject({ run: z.string().min(1) })

export const showRun = defineRoute({
  method: 'GET',
  path: '/api/v1/runs/:run',
  summary: 'One run with its parameters, tags, latest metrics, inputs and outputs',
  scope: 'read',
  params: RunParams,
  reply: Run,
  errors: ['NOT_FOUND'],
  handle: ({ runs }, ctx, { params }) => runs.get(ctx, params.run),
})

export const startRun = defineRoute({
  method: 'POST',
  path: '/api/v1/runs',
  summary:
    'Start a run of a program outside the server, lost when it is silent for longer than it says',
  scope: 'write',
  body: HeldRunStart,
  reply: Run,
  errors: ['INVALID_ARGUMENT', 'CONFLICT'],
  handle: ({ heldRuns }, ctx, { body }) => heldRuns.start(ctx, body),
})

export const runHeartbeat = defineRoute({
  method: 'POST',
  path: '/api/v1/runs/:run/heartbeat',
  summary: 'Say that such a run goes on; one that was lost goes on too',
  scope: 'write',
  params: RunParams,
  body: HeldRunBeat,
  reply: Run,
  errors: ['NOT_FOUND', 'CONFLICT', 'INVALID_ARGUMENT'],
  handle: ({ heldRuns }, ctx, { params, body }) => heldRuns.beat(ctx, params.run, body.hold),
})

export const runCheckpoint = defineRoute({
  method: 'POST',
  path: '/api/v1/runs/:run/checkpoint',
  summary: 'Keep what such a run may be gone on from, in the place of the one before',
  scope: 'write',
  params: RunParams,
  body: RunCheckpoint,
  reply: z.strictObject({}),
  errors: ['NOT_FOUND', 'CONFLICT', 'INVALID_ARGUMENT'],
  async handle({ heldRuns }, ctx, { params, body }) {
    await heldRuns.checkpoint(ctx, params.run, body)
    return {}
  },
})

export const lastRunCheckpoint = defineRoute({
  method: 'GET',
  path: '/api/v1/runs/:run/checkpoint',
  summary: 'What a run may be gone on from; null where there is nothing',
  scope: 'read',
  params: RunParams,
  reply: z.strictObject({ checkpoint: RunCheckpoint.nullable() }),
  errors: ['NOT_FOUND'],
  handle: async ({ heldRuns }, ctx, { params }) => ({
    checkpoint: (await heldRuns.lastCheckpoint(ctx, params.run)) ?? null,
  }),
})

export const endRun = defineRoute({
  method: 'POST',
  path: '/api/v1/runs/:run/end',
  summary: 'Say how such a run ended',
  scope: 'write',
  params: RunParams,
  body: HeldRunEnd,
  reply: Run,
  errors: ['NOT_FOUND', 'CONFLICT'],
  handle: ({ heldRuns }, ctx, { params, body }) => heldRuns.end(ctx, params.run, body),
})

export const differenceBetweenRuns = defineRoute({
  method: 'GET',
  path: '/api/v1/runs/:run/difference',
  summary: 'What differs between a run and another (`from`) that it should be equal to',
  scope: 'read',
  params: RunParams,
  query: z.strictObject({ from: z.string().min(1) }),
  reply: RunDifference,
  errors: ['NOT_FOUND', 'INVALID_ARGUMENT'],
  handle: ({ tracking }, ctx, { params, query }) =>
    tracking.difference(ctx, query.from, params.run),
})

export const metricHistory = defineRoute({
  method: 'GET',
  path: '/api/v1/runs/:run/metric-history',
  summary: 'Every point of a metric by time, then step, then value, a page at a time',
  scope: 'read',
  params: RunParams,
  query: z.strictObject({
    key: z.string().min(1),
    limit: z.coerce.number().int().min(1).max(50_000).default(1_000),
    cursor: z.exactOptional(z.string()),
  }),
  reply: z.strictObject({ points: z.array(MetricSample), next: z.string().nullable() }),
  errors: ['NOT_FOUND', 'INVALID_ARGUMENT'],
  async handle({ runs }, ctx, { params, query: { key, limit, cursor } }) {
    const { points, next = null } = await runs.metricHistory(ctx, params.run, key, limit, cursor)
    return { points: points.map(toSample), next }
  },
})

export const metricChart = defineRoute({
  method: 'GET',
  path: '/api/v1/runs/:run/metric-chart',
  summary:
    'A metric by step for a chart: of long ones the first, lowest, highest and last of each stretch',
  scope: 'read',
  params: RunParams,
  query: z.strictObject({
    key: z.string().min(1),
    points: z.coerce.number().int().min(4).max(25_000).default(1_000),
    from: z.coerce.number().int().default(Number.MIN_SAFE_INTEGER),
    until: z.coerce.number().int().default(Number.MAX_SAFE_INTEGER),
  }),
  reply: z.strictObject({ points: z.array(MetricSample) }),
  errors: ['NOT_FOUND', 'INVALID_ARGUMENT'],
  async handle({ runs }, ctx, { params, query: { key, points: most, ...steps } }) {
    const isWhole =
      steps.from === Number.MIN_SAFE_INTEGER && steps.until === Number.MAX_SAFE_INTEGER
    const range = isWhole ? undefined : steps
    const points = await runs.metricChart(ctx, params.run, key, most, range)
    return { points: points.map(toSample) }
  },
})

function toSample({ step, atMs, value }: ChunkPoint): MetricSample {
  return { step: plain(step), atMs: plain(atMs), value }
}

function plain(value: Int64): number | string {
  return typeof value === 'bigint' ? String(value) : value
}
