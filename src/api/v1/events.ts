import { Event } from '@gyre/sdk/wire/event'
import { z } from 'zod'
import { parsePart } from '../parse.ts'
import { defineRoute, defineStream } from '../route.ts'
import { streamEvents } from '../sse.ts'

const Cursor = z.object({ after: z.coerce.number().int().min(0).default(0) })

export const eventStream = defineStream({
  method: 'GET',
  path: '/api/v1/events',
  summary: 'Changes of state as server-sent events, from a cursor on (`after` or Last-Event-ID)',
  scope: 'read',
  errors: ['INVALID_ARGUMENT'],
  async handle({ events }, ctx, { query, request, response, signal }) {
    const last = request.headers['last-event-id']
    const { after } = parsePart(Cursor, typeof last === 'string' ? { after: last } : query, 'query')
    await streamEvents(events, ctx.project, after, response, signal)
  },
})

export const listEvents = defineRoute({
  method: 'GET',
  path: '/api/v1/event-log',
  summary: 'Events after a cursor, oldest first',
  scope: 'read',
  query: z.strictObject({
    after: z.coerce.number().int().min(0).default(0),
    limit: z.coerce.number().int().min(1).max(1000).default(200),
    type: z.exactOptional(z.string()),
  }),
  reply: z.strictObject({ events: z.array(Event) }),
  errors: ['INVALID_ARGUMENT'],
  async handle({ events }, ctx, { query }) {
    const filter = {
      project: ctx.project,
      ...(query.type === undefined ? {} : { types: [query.type] }),
    }
    return { events: [...(await events.since(query.after, query.limit, filter))] }
  },
})

export const verifyEvents = defineRoute({
  method: 'GET',
  path: '/api/v1/event-log/verify',
  summary: 'Walks the hash chain of all events',
  scope: 'admin',
  reply: z.union([
    z.strictObject({ ok: z.literal(true), count: z.number().int() }),
    z.strictObject({ ok: z.literal(false), seq: z.number().int(), reason: z.string() }),
  ]),
  errors: [],
  handle: ({ events }) => events.verify(),
})
