import { HeldRunLog, LogPage } from '@gyre/sdk/wire/log'
import { z } from 'zod'
import { streamLog } from '../log-stream.ts'
import { parsePart } from '../parse.ts'
import { defineRoute, defineStream } from '../route.ts'

const RunParams = z.strictObject({ run: z.string().min(1) })
const After = z.strictObject({ after: z.coerce.number().int().min(0).default(0) })

export const readLog = defineRoute({
  method: 'GET',
  path: '/api/v1/runs/:run/log',
  summary:
    'What a run printed after so many characters, a page at a time; the last page has no pieces',
  scope: 'read',
  params: RunParams,
  query: After,
  reply: LogPage,
  errors: ['NOT_FOUND', 'INVALID_ARGUMENT'],
  handle: ({ logs }, ctx, { params, query }) => logs.read(ctx, params.run, query.after),
})

export const tellLog = defineRoute({
  method: 'POST',
  path: '/api/v1/runs/:run/log',
  summary:
    'Tell what the program of a held run printed after so many characters; again changes nothing',
  scope: 'write',
  params: RunParams,
  body: HeldRunLog,
  reply: z.strictObject({}),
  errors: ['NOT_FOUND', 'CONFLICT', 'INVALID_ARGUMENT'],
  async handle({ heldRuns }, ctx, { params, body }) {
    await heldRuns.log(ctx, params.run, body)
    return {}
  },
})

export const logStream = defineStream({
  method: 'GET',
  path: '/api/v1/runs/:run/log-stream',
  summary:
    'What a run prints as server-sent events, from a place on (`after` or Last-Event-ID), until `end`',
  scope: 'read',
  errors: ['NOT_FOUND', 'INVALID_ARGUMENT'],
  async handle({ logs }, ctx, { params, query, request, response, signal }) {
    const last = request.headers['last-event-id']
    const asked = typeof last === 'string' ? { after: last } : query
    const { after } = parsePart(After, asked, 'query')
    const { run } = parsePart(RunParams, params, 'params')
    await streamLog(logs, ctx, { run, after }, response, signal)
  },
})
