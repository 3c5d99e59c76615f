import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { Access } from '../access/access.ts'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { Log } from '../core/log.ts'
import { checkJsonType, decodeUtf8 } from './body.ts'
import { parseJson, parsePart } from './parse.ts'
import { answerProblem } from './problem.ts'
import type { Rooms } from './rooms.ts'
import type { AnyRoute, Route, StreamRoute } from './route.ts'

export interface MountDeps {
  readonly rooms: Rooms
  readonly access: Access
  readonly log: Log
  /** Aborted when the server stops. */
  readonly stopping: AbortSignal
}

/** Puts routes on Fastify. Whoever may not ask is told so before a byte of the body is read. */
export function mountRoutes(
  app: FastifyInstance,
  deps: MountDeps,
  routes: readonly AnyRoute[],
): void {
  app.removeAllContentTypeParsers()
  // Two contexts, since a stream's bytes are its own whatever their type says.
  void app.register(async (inner) => {
    inner.addContentTypeParser('*', async () => undefined)
    for (const route of routes) if ('kind' in route) mountStream(inner, deps, route)
  })
  void app.register(async (inner) => {
    inner.addContentTypeParser(
      'application/json',
      { parseAs: 'buffer' },
      async (request: FastifyRequest, bytes: Buffer) => {
        checkJsonType(request)
        return parseJson(decodeUtf8(bytes))
      },
    )
    for (const route of routes) if (!('kind' in route)) mountJson(inner, deps, route)
  })
}

/** Admission as a hook in front of body parsing, and the way its answer reaches the handler. */
function admission({ access }: MountDeps, { scope }: AnyRoute) {
  const admitted = new WeakMap<FastifyRequest, Context>()
  return {
    onRequest: async (request: FastifyRequest): Promise<void> => {
      const { project, actor } = await access.admit(request.headers.authorization, scope)
      admitted.set(request, { project, actor, requestId: request.id })
    },
    contextOf: (request: FastifyRequest): Context => {
      const ctx = admitted.get(request)
      if (!ctx) throw new GyreError('INTERNAL', 'a request was not admitted')
      return ctx
    },
  }
}

const Nothing = z.union([z.undefined(), z.null(), z.strictObject({})])

function mountJson(app: FastifyInstance, deps: MountDeps, route: Route): void {
  const { onRequest, contextOf } = admission(deps, route)
  app.route({
    method: route.method,
    url: route.path,
    onRequest,
    handler: async (request: FastifyRequest, reply: FastifyReply) => {
      const parsed = {
        params: parsePart(route.params ?? z.strictObject({}), request.params, 'params'),
        query: parsePart(route.query ?? z.strictObject({}), request.query, 'query'),
        body: parsePart(route.body ?? Nothing, request.body, 'body'),
      }
      const answer = await route.handle(deps.rooms, contextOf(request), parsed)
      return reply
        .status(route.status ?? 200)
        .type('application/json')
        .send(JSON.stringify(z.encode(route.reply, answer)))
    },
  })
}

const Strings = z.record(z.string(), z.string())

function mountStream(app: FastifyInstance, deps: MountDeps, route: StreamRoute): void {
  const { onRequest, contextOf } = admission(deps, route)
  app.route({
    method: route.method,
    url: route.path,
    onRequest,
    handler: async (request: FastifyRequest, reply: FastifyReply) => {
      const params = parsePart(Strings, request.params, 'params')
      const query = parsePart(Strings, request.query, 'query')
      reply.hijack()
      const gone = new AbortController()
      reply.raw.once('close', () => gone.abort())
      const signal = AbortSignal.any([gone.signal, deps.stopping])
      try {
        await route.handle(deps.rooms, contextOf(request), {
          params,
          query,
          request: request.raw,
          response: reply.raw,
          signal,
        })
      } catch (thrown) {
        if (!gone.signal.aborted) answerProblem(deps.log, reply.raw, thrown, request.id)
      }
    },
  })
}
