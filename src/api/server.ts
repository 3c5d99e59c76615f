import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { Access } from '../access/access.ts'
import { errnoOf, ERRORS, GyreError, toGyreError } from '../core/errors.ts'
import type { NewId } from '../core/id.ts'
import type { Log } from '../core/log.ts'
import { checkHost } from './host.ts'
import { boundPort, listenError } from './listen.ts'
import { mountRoutes } from './mount.ts'
import { openApiOf } from './openapi.ts'
import { answerProblem, problemOf, PROBLEM_TYPE, retryAfter } from './problem.ts'
import type { RawDoor } from './raw-door.ts'
import type { Rooms } from './rooms.ts'
import { defineRoute, type AnyRoute, type Route } from './route.ts'

export interface HttpDeps {
  readonly rooms: Rooms
  readonly access: Access
  readonly routes: readonly AnyRoute[]
  /** Handlers in front of Fastify, for the paths where every microsecond counts. */
  readonly raw: readonly RawDoor[]
  /** `Host` headers in lower case, without the port. */
  readonly answeredHosts: ReadonlySet<string>
  readonly maxBodyBytes: number
  readonly newId: NewId
  readonly log: Log
}

export interface HttpServer {
  /** Starts to listen; resolves with the port. Throws PORT_TAKEN. */
  listen(host: string, port: number): Promise<number>
  /** Answers what has come, takes nothing new, and ends streams. */
  close(): Promise<void>
}

/** A client must have sent its headers within this, its whole request within the other. */
const HEADERS_TIMEOUT_MS = 10_000
const REQUEST_TIMEOUT_MS = 300_000
/** Longer than load balancers keep a connection (60 s): whoever sends last must not find it closed. */
const KEEP_ALIVE_MS = 72_000
/** How often connections that have become idle are closed while the server stops. */
const SWEEP_MS = 20

export function createHttpServer(deps: HttpDeps): HttpServer {
  const stopping = new AbortController()
  let server: Server | undefined
  const app = fastify({
    logger: false,
    bodyLimit: deps.maxBodyBytes,
    // What comes while the server stops is still answered, as the last on its connection.
    return503OnClosing: false,
    genReqId: () => deps.newId('req'),
    // A path that cannot be decoded reaches no handler.
    frameworkErrors: (error, request, reply) => void sendProblem(deps.log, error, request, reply),
    routerOptions: { ignoreTrailingSlash: true },
    serverFactory: (fastifyHandler) => {
      server = createServer(
        {
          headersTimeout: HEADERS_TIMEOUT_MS,
          requestTimeout: REQUEST_TIMEOUT_MS,
          keepAliveTimeout: KEEP_ALIVE_MS,
        },
        (request, response) => {
          if (stopping.signal.aborted) response.shouldKeepAlive = false
          const door = doorOf(deps.raw, request)
          if (door) void throughDoor(deps, door, request, response)
          else fastifyHandler(request, response)
        },
      )
      return server
    },
  })
  prepare(app, deps)
  mountRoutes(app, { ...deps, stopping: stopping.signal }, [...deps.routes, openApiRoute(deps)])

  return {
    async listen(host, port) {
      try {
        await app.listen({ host, port })
      } catch (error) {
        throw listenError(host, port, error)
      }
      return boundPort(server?.address() ?? null)
    },
    async close() {
      stopping.abort()
      // A kept-alive connection is idle only once its last answer has gone, which no event tells.
      const sweeping = setInterval(() => server?.closeIdleConnections(), SWEEP_MS)
      try {
        await app.close()
      } finally {
        clearInterval(sweeping)
      }
    },
  }
}

/** The document of all routes, itself among them. */
function openApiRoute({ routes, raw }: HttpDeps): Route {
  const route = defineRoute({
    method: 'GET',
    path: '/api/v1/openapi.json',
    summary: 'This document',
    scope: 'public',
    reply: z.record(z.string(), z.unknown()),
    errors: [],
    handle: async () => document,
  })
  const doors = raw.flatMap(({ scope, described }) => described.map((one) => ({ ...one, scope })))
  const document = openApiOf([...doors, ...routes, route])
  return route
}

function doorOf(doors: readonly RawDoor[], request: IncomingMessage): RawDoor | undefined {
  const url = request.url ?? '/'
  const end = url.indexOf('?')
  const path = end < 0 ? url : url.slice(0, end)
  return doors.find((door) => door.matches(path))
}

async function throughDoor(
  deps: HttpDeps,
  door: RawDoor,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const requestId = deps.newId('req')
  try {
    checkHost(request.headers.host, deps.answeredHosts)
    const caller = await deps.access.admit(request.headers.authorization, door.scope)
    await door.handle(request, response, {
      project: caller.project,
      actor: caller.actor,
      requestId,
    })
  } catch (thrown) {
    answerProblem(deps.log, response, thrown, requestId)
  }
}

function prepare(app: FastifyInstance, { log, answeredHosts }: HttpDeps): void {
  app.addHook('onRequest', async (request) => checkHost(request.headers.host, answeredHosts))
  app.setErrorHandler(async (thrown, request, reply) => sendProblem(log, thrown, request, reply))
  app.setNotFoundHandler(async (request) => {
    throw new GyreError('NOT_FOUND', `no route ${request.method} ${request.url.split('?')[0]}`, {
      method: request.method,
    })
  })
}

function sendProblem(
  log: Log,
  thrown: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const error = fromFastify(thrown)
  if (error.code === 'INTERNAL')
    log.error({ err: error.cause ?? error, requestId: request.id }, 'request failed')
  const wait = retryAfter(error)
  if (wait !== undefined) void reply.header('retry-after', String(wait))
  return reply
    .status(ERRORS[error.code].status)
    .type(PROBLEM_TYPE)
    .send(JSON.stringify(problemOf(error, request.id)))
}

/** Fastify's own refusals (body too large, wrong type) in our codes. */
function fromFastify(thrown: unknown): GyreError {
  const code = errnoOf(thrown)
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE')
    return new GyreError('TOO_LARGE', `body: ${message}`, { field: 'body' })
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE')
    return new GyreError(
      'UNSUPPORTED_MEDIA_TYPE',
      `content-type: expected application/json (${message})`,
      { field: 'content-type' },
    )
  if (code?.startsWith('FST_ERR_') && code !== 'FST_ERR_FAILED_ERROR_SERIALIZATION')
    return new GyreError('INVALID_ARGUMENT', message, { reason: code })
  return toGyreError(thrown)
}
