import type { IncomingMessage } from 'node:http'
import { z } from 'zod'
import { GyreError, toGyreError } from '../../core/errors.ts'
import type { Log } from '../../core/log.ts'
import { checkJsonType, readText } from '../body.ts'
import { parseJson, parsePart } from '../parse.ts'
import { endWithJson, pathOf } from '../raw-reply.ts'
import { defineRawRoute, type RawDoor } from '../raw-door.ts'
import type { Rooms } from '../rooms.ts'
import { parseInt64Json, stringifyInt64 } from '../int64-json.ts'
import { answerMlflowError } from './problem.ts'
import { queryOf } from './query.ts'
import { assertOwnRun } from './own-run.ts'
import { createRouter } from './router.ts'
import type { MlflowRoute } from './route.ts'

export interface MlflowDoorDeps {
  readonly rooms: Rooms
  readonly routes: readonly MlflowRoute[]
  readonly log: Log
}

/** MLflow's own limit on a request is 1 MB of entities; a log-batch of long values may take a little more as JSON. */
const MAX_BODY_BYTES = 16 * 1_048_576

const AnyObject = z.looseObject({})

const PATHS = /^\/(ajax-)?api\/[23]\.0\/mlflow/

/** `/api/2.0/mlflow*`, `/api/3.0/mlflow*` and the same below `/ajax-api`: errors in MLflow's shape. */
export function mlflowDoor({ rooms, routes, log }: MlflowDoorDeps): RawDoor {
  const find = createRouter(routes)

  function matched(request: IncomingMessage) {
    const path = pathOf(request)
    const match = find(request.method ?? 'GET', path)
    if (match) return match
    // The client tells a door that is not there from a thing that is not: it then tries the next one it knows.
    throw new GyreError('METHOD_NOT_ALLOWED', `no route ${request.method} ${path}`, { path })
  }

  return defineRawRoute({
    scope: (request) => matched(request).route.scope,
    described: routes.map(({ method, path, versions = ['2.0'], summary, scope }) => ({
      method,
      path: `/api/${versions[0]}${path.replaceAll(/\{(\w+)\}/g, ':$1')}`,
      summary,
      scope,
      reply: AnyObject,
      errors: ['INVALID_ARGUMENT', 'NOT_FOUND'],
    })),
    matches: (path) => PATHS.test(path),
    async handle(request, response, ctx) {
      const { route, params } = matched(request)
      const input = route.input ? parsePart(route.input, await inputOf(request, route), 'body') : {}
      const call = { params, request, response }
      if (route.scope === 'log') await assertOwnRun(route, input, { rooms, ctx, call })
      const reply = await route.handle(rooms, ctx, input, call)
      if (reply) endWithJson(response, stringifyInt64(reply))
    },
    answerError(response, thrown, requestId) {
      const error = toGyreError(thrown)
      if (error.code === 'INTERNAL')
        log.error({ err: error.cause ?? error, requestId }, 'request failed')
      answerMlflowError(response, error, requestId)
    },
  })
}

/**
 * A GET says it in its query; anything else in its body, and a DELETE without one in its query. As with MLflow, a
 * POST or PUT says that it is JSON: no page of another site can, without asking first.
 */
async function inputOf(
  request: IncomingMessage,
  { method, plainNumbers }: MlflowRoute,
): Promise<unknown> {
  if (method === 'GET') return queryOf(request)
  if (method === 'POST' || method === 'PUT') checkJsonType(request)
  const text = await readText(request, MAX_BODY_BYTES)
  if (text === '' && method === 'DELETE') return queryOf(request)
  return (plainNumbers ? parseJson(text) : parseInt64Json(text)) ?? {}
}
