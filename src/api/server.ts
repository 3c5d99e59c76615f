import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { Access } from '../access/access.ts'
import type { Clock } from '../core/clock.ts'
import { errnoOf, GyreError, toGyreError } from '../core/errors.ts'
import type { NewId } from '../core/id.ts'
import type { Log } from '../core/log.ts'
import { allowedMethods } from './allowed-methods.ts'
import { createArrivals } from './arrival.ts'
import { answerClientErrors } from './client-error.ts'
import { checkHost, checkOrigin } from './host.ts'
import { boundPort, listenError } from './listen.ts'
import { mountRoutes } from './mount.ts'
import { openApiOf } from './openapi.ts'
import { answerProblem, problemReply } from './problem.ts'
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
  readonly clock: Clock
  readonly log: Log
}

export interface HttpServer {
  /** Starts to listen; resolves with the port. Throws PORT_TAKEN. */
  listen(host: string, port: number): Promise<number>
  /** From here on every answer is the last on its connection; whoever asks again comes by a new one. */
  drain(): void
  /** Answers what has come, takes nothing new, and ends streams. */
  close(): Promise<void>
}

/** A client must have sent its headers within this. */
const HEADERS_TIMEOUT_MS = 10_000
/** Of a body so much must come within so long. It may take hours in all: an upload is as slow as its line. */
const BODY_LEAST_BYTES = 1_024
const BODY_IDLE_MS = 120_000
/** How often bodies that have stopped coming are looked for. */
const ARRIVALS_MS = 5_000
/** Longer than load balancers keep a connection (60 s): whoever sends last must not find it closed. */
const KEEP_ALIVE_MS = 72_000
/** How often connections that have become idle are closed while the server stops. */
const SWEEP_MS = 20

export function createHttpServer(deps: HttpDeps): HttpServer {
  const stopping = new AbortController()
  let isDraining = false
  const answers = new WeakMap<Socket, ServerResponse>()
  let server: Server | undefined
  const arrivals = createArrivals({
    clock: deps.clock,
    leastBytes: BODY_LEAST_BYTES,
    idleMs: BODY_IDLE_MS,
    latestRequest: (socket) => answers.get(socket)?.req,
    cutOff: (socket) => server?.emit('clientError', tooSlow(), socket),
  })
  const looking = setInterval(() => arrivals.sweep(), ARRIVALS_MS)
  looking.unref()
  const app = fastify({
    logger: false,
    bodyLimit: deps.maxBodyBytes,
    // What comes while the server stops is still answered, as the last on its connection.
    return503OnClosing: false,
    genReqId: () => deps.newId('req'),
    clientErrorHandler: answerClientErrors({
      ...deps,
      latestAnswer: (socket) => answers.get(socket),
    }),
    // A path that cannot be decoded reaches no handler.
    frameworkErrors: (error, request, reply) => void sendProblem(deps.log, error, request, reply),
    routerOptions: { ignoreTrailingSlash: true },
    serverFactory: (fastifyHandler) => {
      const answer = (request: IncomingMessage, response: ServerResponse): void => {
        answers.set(request.socket, response)
        if (isDraining) response.shouldKeepAlive = false
        const door = doorOf(deps.raw, request)
        if (door) void throughDoor(deps, door, request, response)
        else fastifyHandler(request, response)
      }
      server = createServer(
        {
          headersTimeout: HEADERS_TIMEOUT_MS,
          // Node would count a whole request, however much of it comes; `arrivals` counts what does not come.
          requestTimeout: 0,
          keepAliveTimeout: KEEP_ALIVE_MS,
          // A request without a host is refused like one with a foreign one, and not by an empty 400.
          requireHostHeader: false,
        },
        answer,
      )
      // An expectation nobody knows may be ignored (RFC 9110, 10.1.1); Node would answer with an empty 417.
      server.on('checkExpectation', answer)
      server.on('connection', (socket) => arrivals.watch(socket))
      return server
    },
  })
  const routes = [...deps.routes, openApiRoute(deps)]
  prepare(app, deps, routes)
  mountRoutes(app, { ...deps, stopping: stopping.signal }, routes)

  return {
    async listen(host, port) {
      try {
        await app.listen({ host, port })
      } catch (error) {
        throw listenError(host, port, error)
      }
      return boundPort(server?.address() ?? null)
    },
    drain() {
      isDraining = true
    },
    async close() {
      isDraining = true
      stopping.abort()
      // A kept-alive connection is idle only once its last answer has gone, which no event tells.
      const sweeping = setInterval(() => server?.closeIdleConnections(), SWEEP_MS)
      try {
        await app.close()
      } finally {
        clearInterval(sweeping)
        clearInterval(looking)
      }
    },
  }
}

/** As Node says it of headers that do not come. */
function tooSlow(): Error {
  return Object.assign(new Error('the body stopped coming'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' })
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
  const document = openApiOf([...raw.flatMap(({ described }) => described), ...routes, route])
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
    checkOrigin(request.headers.origin, deps.answeredHosts)
    const scope = typeof door.scope === 'function' ? door.scope(request) : door.scope
    const caller = await deps.access.admit(request.headers.authorization, scope)
    await door.handle(request, response, {
      project: caller.project,
      actor: caller.actor,
      requestId,
    })
  } catch (thrown) {
    if (door.answerError) door.answerError(response, thrown, requestId)
    else answerProblem(deps.log, response, thrown, requestId)
  }
}

function prepare(
  app: FastifyInstance,
  { log, answeredHosts }: HttpDeps,
  routes: readonly AnyRoute[],
): void {
  app.addHook('onRequest', async (request, reply) => {
    checkHost(request.headers.host, answeredHosts)
    checkOrigin(request.headers.origin, answeredHosts)
    // Here and not in a not-found handler, which is asked only once the body has been read.
    if (request.is404) refuse(request, reply, routes)
  })
  app.setErrorHandler(async (thrown, request, reply) => sendProblem(log, thrown, request, reply))
}

/** Throws METHOD_NOT_ALLOWED, with the `Allow` header set, for a path that some route has, else NOT_FOUND. */
function refuse(
  { method, url }: FastifyRequest,
  reply: FastifyReply,
  routes: readonly AnyRoute[],
): never {
  const [path = '/'] = url.split('?')
  const allow = allowedMethods(routes, path).join(', ')
  if (allow === '') throw new GyreError('NOT_FOUND', `no route ${method} ${path}`, { method })
  void reply.header('allow', allow)
  throw new GyreError('METHOD_NOT_ALLOWED', `${path} answers ${allow}, not ${method}`, { allow })
}

function sendProblem(
  log: Log,
  thrown: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const { status, headers, body } = problemReply(log, fromFastify(thrown), request.id)
  return reply.status(status).headers(headers).send(body)
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
