import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { Access } from '../access/access.ts'
import type { Context } from '../core/context.ts'
import { errnoOf, ERRORS, GyreError, toGyreError } from '../core/errors.ts'
import type { NewId } from '../core/id.ts'
import type { Log } from '../core/log.ts'
import { checkHost } from './host.ts'
import { openApiOf } from './openapi.ts'
import { parseJson, parsePart } from './parse.ts'
import { problemOf, PROBLEM_TYPE, retryAfter } from './problem.ts'
import type { RawDoor } from './raw-door.ts'
import type { Rooms } from './rooms.ts'
import type { AnyRoute, Route, StreamRoute } from './route.ts'

export interface HttpDeps {
  readonly rooms: Rooms
  readonly access: Access
  readonly routes: readonly AnyRoute[]
  /** Handlers in front of Fastify, for the paths where every microsecond counts. */
  readonly raw: readonly RawDoor[]
  readonly allowedHosts: readonly string[]
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

export function createHttpServer(deps: HttpDeps): HttpServer {
  const stopping = new AbortController()
  let server: Server | undefined
  const app = fastify({
    logger: false,
    bodyLimit: deps.maxBodyBytes,
    genReqId: () => deps.newId('req'),
    routerOptions: { ignoreTrailingSlash: true },
    serverFactory: (fastifyHandler) => {
      server = createServer(
        { headersTimeout: HEADERS_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS },
        (request, response) => {
          const door = doorOf(deps.raw, request)
          if (door) void throughDoor(deps, door, request, response)
          else fastifyHandler(request, response)
        },
      )
      return server
    },
  })
  prepare(app, deps)
  for (const route of deps.routes) mount(app, deps, route, stopping.signal)
  const openApi = openApiOf(deps.routes)
  app.get('/api/v1/openapi.json', async () => openApi)

  return {
    async listen(host, port) {
      try {
        await app.listen({ host, port })
      } catch (error) {
        if (errnoOf(error) === 'EADDRINUSE')
          throw new GyreError(
            'PORT_TAKEN',
            `port ${port} is taken by another program; stop it or choose another with --port`,
            { port },
            error,
          )
        throw error
      }
      return boundPort(server)
    },
    async close() {
      stopping.abort()
      server?.closeIdleConnections()
      await app.close()
    },
  }
}

function boundPort(server: Server | undefined): number {
  const address: AddressInfo | string | null = server?.address() ?? null
  if (address === null || typeof address === 'string')
    throw new GyreError('INTERNAL', 'no TCP address')
  return address.port
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
    checkHost(request.headers.host, deps.allowedHosts)
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

/** The error of a request that Fastify does not serve, as a problem; an answer begun is cut off instead. */
function answerProblem(
  log: Log,
  response: ServerResponse,
  thrown: unknown,
  requestId: string,
): void {
  const error = toGyreError(thrown)
  if (error.code === 'INTERNAL')
    log.error({ err: error.cause ?? error, requestId }, 'request failed')
  if (response.headersSent) {
    response.destroy()
    return
  }
  const wait = retryAfter(error)
  response.writeHead(ERRORS[error.code].status, {
    'content-type': PROBLEM_TYPE,
    ...(wait === undefined ? {} : { 'retry-after': String(wait) }),
  })
  response.end(JSON.stringify(problemOf(error, requestId)))
}

function prepare(app: FastifyInstance, { log, allowedHosts }: HttpDeps): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'string' },
    async (_request: FastifyRequest, text: string) => parseJson(text),
  )
  // Streams keep their raw request; whoever asks for JSON and gets another type answers 415.
  app.addContentTypeParser('*', async () => undefined)
  app.addHook('onRequest', async (request) => checkHost(request.headers.host, allowedHosts))
  app.setErrorHandler(async (thrown, request, reply) => {
    const error = fromFastify(thrown)
    if (error.code === 'INTERNAL')
      log.error({ err: error.cause ?? error, requestId: request.id }, 'request failed')
    const wait = retryAfter(error)
    if (wait !== undefined) void reply.header('retry-after', String(wait))
    return reply
      .status(ERRORS[error.code].status)
      .type(PROBLEM_TYPE)
      .send(JSON.stringify(problemOf(error, request.id)))
  })
  app.setNotFoundHandler(async (request) => {
    throw new GyreError('NOT_FOUND', `no route ${request.method} ${request.url.split('?')[0]}`, {
      method: request.method,
    })
  })
}

/** Fastify's own refusals (body too large, wrong type) in our codes. */
function fromFastify(thrown: unknown): GyreError {
  const code = errnoOf(thrown)
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE')
    return new GyreError('TOO_LARGE', `body: ${message}`, { field: 'body' })
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE')
    return new GyreError('UNSUPPORTED_MEDIA_TYPE', message)
  if (code?.startsWith('FST_ERR_') && code !== 'FST_ERR_FAILED_ERROR_SERIALIZATION')
    return new GyreError('INVALID_ARGUMENT', message, { reason: code })
  return toGyreError(thrown)
}

function mount(app: FastifyInstance, deps: HttpDeps, route: AnyRoute, stopping: AbortSignal): void {
  if ('kind' in route) mountStream(app, deps, route, stopping)
  else mountJson(app, deps, route)
}

async function contextOf(
  deps: HttpDeps,
  request: FastifyRequest,
  route: AnyRoute,
): Promise<Context> {
  const caller = await deps.access.admit(request.headers.authorization, route.scope)
  return { project: caller.project, actor: caller.actor, requestId: request.id }
}

const Nothing = z.union([z.undefined(), z.null(), z.strictObject({})])

function mountJson(app: FastifyInstance, deps: HttpDeps, route: Route): void {
  app.route({
    method: route.method,
    url: route.path,
    handler: async (request: FastifyRequest, reply: FastifyReply) => {
      const ctx = await contextOf(deps, request, route)
      const parsed = {
        params: parsePart(route.params ?? z.strictObject({}), request.params, 'params'),
        query: parsePart(route.query ?? z.strictObject({}), request.query, 'query'),
        body: parsePart(route.body ?? Nothing, bodyOf(request, route), 'body'),
      }
      const answer = await route.handle(deps.rooms, ctx, parsed)
      return reply
        .status(route.status ?? 200)
        .type('application/json')
        .send(JSON.stringify(z.encode(route.reply, answer)))
    },
  })
}

function bodyOf(request: FastifyRequest, route: Route): unknown {
  const type = request.headers['content-type']
  if (route.body && type !== undefined && !type.startsWith('application/json'))
    throw new GyreError(
      'UNSUPPORTED_MEDIA_TYPE',
      `content-type: expected application/json, got ${type}`,
      {
        field: 'content-type',
      },
    )
  return request.body
}

function mountStream(
  app: FastifyInstance,
  deps: HttpDeps,
  route: StreamRoute,
  stopping: AbortSignal,
): void {
  const Strings = z.record(z.string(), z.string())
  app.route({
    method: route.method,
    url: route.path,
    handler: async (request: FastifyRequest, reply: FastifyReply) => {
      const ctx = await contextOf(deps, request, route)
      const params = parsePart(Strings, request.params, 'params')
      const query = parsePart(Strings, request.query, 'query')
      reply.hijack()
      const gone = new AbortController()
      reply.raw.once('close', () => gone.abort())
      const signal = AbortSignal.any([gone.signal, stopping])
      try {
        await route.handle(deps.rooms, ctx, {
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
