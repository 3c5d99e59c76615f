import {
  Metadata,
  Server,
  ServerCredentials,
  status,
  type Deadline,
  type sendUnaryData,
  type ServerUnaryCall,
} from '@grpc/grpc-js'
import type { Access } from '../../access/access.ts'
import type { Scope } from '../../access/scope.ts'
import type { Clock } from '../../core/clock.ts'
import type { Context } from '../../core/context.ts'
import { GyreError, toGyreError } from '../../core/errors.ts'
import type { NewId } from '../../core/id.ts'
import type { Log } from '../../core/log.ts'
import { VERSION } from '../../core/package.ts'
import { parseRef } from '../../core/ref.ts'
import { askedArm, scopeOfAsking } from '../../routes/pick.ts'
import type { Serve } from '../../serve/serve.ts'
import { retryAfter } from '../problem.ts'
import { rpcCode } from '../rpc-code.ts'
import { readGrpcInfer, writeGrpcInfer } from './grpc-infer.ts'
import { codecOf } from './grpc-proto.ts'
import { describeModel, modelIndex, SERVER } from './metadata.ts'
import { modelStats } from './statistics.ts'
import { isRecord } from './tensor-in.ts'

export interface GrpcDeps {
  readonly serve: Pick<Serve, 'infer' | 'tensorArm' | 'models' | 'statistics' | 'allowsNonfinite'>
  readonly access: Pick<Access, 'admit'>
  readonly maxTensorBytes: number
  /** As the HTTP door's. */
  readonly isReady: () => boolean
  readonly clock: Clock
  readonly newId: NewId
  readonly log: Log
}

export interface GrpcServer {
  /** Starts to listen; resolves with the port. Throws PORT_TAKEN. */
  listen(host: string, port: number): Promise<number>
  /** Answers what is under way, takes nothing new. */
  close(): Promise<void>
}

/** A call that waits so long for its server's end is broken off. */
const CLOSE_MS = 30_000

interface Call {
  readonly ctx: Context
  readonly message: unknown
  readonly metadata: Metadata
  /** Aborts when the caller gives up. */
  readonly signal: AbortSignal
  /** Until the deadline of the call itself; undefined where it has none. */
  readonly leftMs: number | undefined
}

interface Answer {
  readonly message: object
  readonly metadata?: Readonly<Record<string, string>>
}

interface Method {
  readonly scope: Scope
  readonly takes: string
  readonly gives: string
  readonly answer: (call: Call) => Answer | Promise<Answer>
}

/** The Open Inference Protocol over gRPC, on a port of its own; without TLS, as the HTTP server. */
export function createGrpcServer(deps: GrpcDeps): GrpcServer {
  const server = new Server({
    'grpc.max_receive_message_length': deps.maxTensorBytes,
    'grpc.max_send_message_length': -1,
  })
  const methods = methodsOf(deps)
  const definitions = Object.entries(methods).map(([name, { takes, gives }]) => {
    const [given, told] = [codecOf(takes), codecOf(gives)]
    return [
      name,
      {
        path: `/inference.GRPCInferenceService/${name}`,
        requestStream: false,
        responseStream: false,
        requestSerialize: given.encode,
        requestDeserialize: given.decode,
        responseSerialize: told.encode,
        responseDeserialize: told.decode,
      },
    ] as const
  })
  const handlers = Object.entries(methods).map(
    ([name, method]) => [name, handlerOf(deps, method)] as const,
  )
  server.addService(Object.fromEntries(definitions), Object.fromEntries(handlers))
  return {
    listen: (host, port) =>
      new Promise((resolve, reject) => {
        server.bindAsync(`${host}:${port}`, ServerCredentials.createInsecure(), (error, bound) => {
          if (!error) return resolve(bound)
          const message = `--grpc-port: port ${port} on ${host} cannot be had: ${error.message}`
          reject(new GyreError('PORT_TAKEN', message, { port }, error))
        })
      }),
    close: () =>
      new Promise((resolve) => {
        const force = setTimeout(() => server.forceShutdown(), CLOSE_MS)
        server.tryShutdown(() => {
          clearTimeout(force)
          resolve()
        })
      }),
  }
}

function handlerOf({ access, clock, newId, log }: GrpcDeps, { scope, answer }: Method) {
  return (call: ServerUnaryCall<unknown, object>, reply: sendUnaryData<object>): void => {
    const gone = new AbortController()
    call.on('cancelled', () => gone.abort())
    const requestId = newId('req')
    const work = async (): Promise<void> => {
      const { request: message, metadata } = call
      const asked = { 'x-gyre-variant': textOf(metadata, 'x-gyre-variant') }
      const { project, actor } = await access.admit(
        textOf(metadata, 'authorization'),
        scope === 'predict' ? scopeOfAsking(asked) : scope,
      )
      const ctx = { project, actor, requestId }
      const leftMs = millisecondsTo(call.getDeadline(), clock)
      const told = await answer({ ctx, message, metadata, signal: gone.signal, leftMs })
      call.sendMetadata(metadataOf(told.metadata ?? {}))
      reply(null, told.message)
    }
    work().catch((thrown: unknown) => {
      const error = toGyreError(thrown)
      const isOurs = error.code === 'INTERNAL'
      if (isOurs) log.error({ err: error.cause ?? error, requestId }, 'request failed')
      const details = isOurs ? `internal error; see the log for ${requestId}` : error.message
      reply({ code: statusOf(error), details, metadata: metadataOf(factsOf(error)) })
    })
  }
}

function methodsOf({ serve, isReady }: GrpcDeps): Readonly<Record<string, Method>> {
  const armOf = async ({ ctx, message }: Call) => {
    const { name = '', version } = namedIn(message)
    return { model: name, arm: await serve.tensorArm(ctx, name, version) }
  }
  return {
    ServerLive: {
      scope: 'public',
      takes: 'Nothing',
      gives: 'Live',
      answer: () => ({ message: { live: true } }),
    },
    ServerReady: {
      scope: 'public',
      takes: 'Nothing',
      gives: 'Ready',
      answer: () => ({ message: { ready: isReady() } }),
    },
    ServerMetadata: {
      scope: 'predict',
      takes: 'Nothing',
      gives: 'ServerMetadata',
      answer: () => ({ message: { ...SERVER, version: VERSION } }),
    },
    ModelReady: {
      scope: 'predict',
      takes: 'Model',
      gives: 'Ready',
      async answer(call) {
        const { arm } = await armOf(call)
        return { message: { ready: arm.failed === undefined } }
      },
    },
    ModelMetadata: {
      scope: 'predict',
      takes: 'Model',
      gives: 'ModelMetadata',
      async answer(call) {
        const { model, arm } = await armOf(call)
        return { message: describeModel(model, serve.models(call.ctx), arm) }
      },
    },
    RepositoryIndex: {
      scope: 'predict',
      takes: 'IndexRequest',
      gives: 'Index',
      answer: ({ ctx }) => ({ message: { models: modelIndex(serve.models(ctx)) } }),
    },
    ModelStatistics: {
      scope: 'predict',
      takes: 'Model',
      gives: 'Statistics',
      answer({ ctx, message }) {
        const { name, version } = namedIn(message)
        return { message: modelStats(serve.statistics(ctx, name, version)) }
      },
    },
    ModelInfer: {
      scope: 'predict',
      takes: 'InferRequest',
      gives: 'InferReply',
      async answer({ ctx, message, metadata, signal, leftMs }) {
        const asked = readGrpcInfer(message, (name) => serve.allowsNonfinite(ctx, name))
        const { model, version, request } = asked
        const subject = request.subject ?? textOf(metadata, 'x-gyre-subject')
        const { inputs, priority } = request
        const deadlineMs = earlier(request.deadlineMs, leftMs)
        const schedule = { deadlineMs, priority, signal }
        const wanted = { subject, at: undefined, version, inputs, schedule }
        const headers = {
          'x-gyre-variant': textOf(metadata, 'x-gyre-variant'),
          canary: textOf(metadata, 'canary'),
        }
        const { outputs, picked, id } = await serve.infer(ctx, model, wanted, askedArm(headers))
        return {
          message: writeGrpcInfer(asked, parseRef(picked.model).version, outputs),
          metadata: {
            'x-gyre-variant': picked.variant,
            'x-gyre-model-version': picked.model,
            'x-gyre-route-rev': String(picked.rev),
            'x-gyre-prediction-id': id,
          },
        }
      },
    },
  }
}

/** The model that a message names, and its version; an empty text names none. */
function namedIn(message: unknown): Readonly<Partial<Record<'name' | 'version', string>>> {
  const given = isRecord(message) ? message : {}
  const { name, version } = given
  return {
    ...(typeof name === 'string' && name !== '' && { name }),
    ...(typeof version === 'string' && version !== '' && { version }),
  }
}

function textOf(metadata: Metadata, name: string): string | undefined {
  const [value] = metadata.get(name)
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** Triton answers UNAVAILABLE when the time of a request has passed in its queue. */
function statusOf(error: GyreError): number {
  return error.code === 'TIMEOUT' ? status.UNAVAILABLE : rpcCode(error)
}

function millisecondsTo(deadline: Deadline, clock: Clock): number | undefined {
  const left = Number(deadline) - clock.now().getTime()
  return Number.isFinite(left) ? Math.max(0, left) : undefined
}

function earlier(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? (one ?? other) : Math.min(one, other)
}

/** The error's code, when to come back, and which version failed where the failure was its own. */
function factsOf(error: GyreError): Readonly<Record<string, string>> {
  const { variant, model_version: model, route_rev: rev } = error.details
  const wait = retryAfter(error)
  const facts = {
    'x-gyre-code': error.code,
    ...(wait !== undefined && { 'retry-after': String(wait) }),
  }
  if (typeof variant !== 'string') return facts
  return {
    ...facts,
    'x-gyre-variant': variant,
    'x-gyre-model-version': String(model),
    'x-gyre-route-rev': String(rev),
  }
}

function metadataOf(values: Readonly<Record<string, string>>): Metadata {
  const metadata = new Metadata()
  for (const [name, value] of Object.entries(values)) metadata.set(name, value)
  return metadata
}
