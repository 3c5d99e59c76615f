import type { IncomingMessage, ServerResponse } from 'node:http'
import { promisify } from 'node:util'
import { deflate, gzip } from 'node:zlib'
import { z } from 'zod'
import type { Context } from '../../core/context.ts'
import { GyreError, type ErrorCode } from '../../core/errors.ts'
import type { Log } from '../../core/log.ts'
import { VERSION } from '../../core/package.ts'
import { parseRef } from '../../core/ref.ts'
import { askedArm, scopeOfAsking } from '../../routes/pick.ts'
import type { Serve } from '../../serve/serve.ts'
import { readPacked } from '../packed-body.ts'
import { answerErrorAs, modelStatus } from '../protocol-error.ts'
import { defineRawRoute, type RawDoor } from '../raw-door.ts'
import { endWithJson, expectMethod, pathOf } from '../raw-reply.ts'
import { nameVersion } from '../version-headers.ts'
import { JSON_LENGTH_HEADER, readInferRequest } from './infer-request.ts'
import { writeInferReply, type InferReply } from './infer-reply.ts'
import { describeModel, modelConfig, modelIndex, SERVER } from './metadata.ts'
import { parsePath, type OipPath } from './path.ts'
import { modelStats } from './statistics.ts'

export interface OipDoorDeps {
  readonly serve: Pick<Serve, 'infer' | 'tensorArm' | 'models' | 'statistics' | 'allowsNonfinite'>
  readonly maxBodyBytes: number
  /** Whether requests should be sent here: the models are loaded, and the server is not about to stop. */
  readonly isReady: () => boolean
  readonly log: Log
}

const ERROR_CODES = [
  'INVALID_ARGUMENT',
  'INVALID_INPUT',
  'NOT_FOUND',
  'TOO_LARGE',
  'OVERLOADED',
  'MODEL_FAILED',
  'TIMEOUT',
  'UNAVAILABLE',
] as const satisfies readonly ErrorCode[]

const Open = z.record(z.string(), z.unknown())

const described = (method: 'GET' | 'POST', path: string, summary: string) => ({
  method,
  path,
  summary,
  scope: path.startsWith('/v2/health') ? ('public' as const) : ('predict' as const),
  reply: Open,
  errors: [...ERROR_CODES],
})

/** `/v2`: the Open Inference Protocol with binary tensors, as KServe and Triton speak it. */
export function oipDoor({ serve, maxBodyBytes, isReady, log }: OipDoorDeps): RawDoor {
  async function answerModel(
    request: IncomingMessage,
    response: ServerResponse,
    ctx: Context,
    path: Extract<OipPath, { kind: 'model' }>,
  ): Promise<void> {
    const { model, verb, version } = path
    if (verb === 'infer') return infer(request, response, ctx, path)
    expectMethod(request, response, 'GET')
    if (verb === 'stats')
      return endWithJson(
        response,
        JSON.stringify(modelStats(serve.statistics(ctx, model, version))),
      )
    const arm = await serve.tensorArm(ctx, model, version)
    if (verb === 'config') return endWithJson(response, JSON.stringify(modelConfig(model, arm)))
    if (verb === 'metadata')
      return endWithJson(response, JSON.stringify(describeModel(model, serve.models(ctx), arm)))
    if (arm.failed !== undefined) throw new GyreError('UNAVAILABLE', `${model}: ${arm.failed}`)
    endWithJson(response, JSON.stringify({ name: model, ready: true }))
  }

  async function infer(
    request: IncomingMessage,
    response: ServerResponse,
    ctx: Context,
    { model, version }: Extract<OipPath, { kind: 'model' }>,
  ): Promise<void> {
    expectMethod(request, response, 'POST')
    const body = await readPacked(request, response, maxBodyBytes)
    const { headers } = request
    const asked = readInferRequest(headers, body, serve.allowsNonfinite(ctx, model))
    const gone = new AbortController()
    response.once('close', () => gone.abort())
    const subject = asked.subject ?? oneOf(headers['x-gyre-subject'])
    const { inputs, deadlineMs, priority } = asked
    const schedule = { deadlineMs, priority, signal: gone.signal }
    const { outputs, picked, id } = await serve.infer(
      ctx,
      model,
      { subject, at: undefined, version, inputs, schedule, headers },
      askedArm(headers),
    )
    nameVersion(response, picked.variant, picked.model, picked.rev)
    response.setHeader('x-gyre-prediction-id', id)
    const { version: answered } = parseRef(picked.model)
    const reply = writeInferReply({ model, version: answered, request: asked, outputs })
    await endWithTensors(request, response, reply)
  }

  return defineRawRoute({
    scope: (request) =>
      pathOf(request).startsWith('/v2/health/') ? 'public' : scopeOfAsking(request.headers),
    described: [
      described('GET', '/v2', 'What the server is, by the Open Inference Protocol'),
      described('GET', '/v2/health/live', 'Whether the process answers'),
      described('GET', '/v2/health/ready', 'Whether models can be asked'),
      described('GET', '/v2/models/:model', 'What a model takes and gives'),
      described('GET', '/v2/models/:model/ready', 'Whether a model can be asked'),
      described('GET', '/v2/models/:model/config', 'How a model is run'),
      described('GET', '/v2/models/:model/stats', 'What a model has done, and how long it took'),
      described('GET', '/v2/models/stats', 'What all models have done'),
      described('POST', '/v2/models/:model/infer', 'Ask a model by its tensors'),
      described('POST', '/v2/repository/index', 'Models and their states'),
    ],
    matches: (path) => path === '/v2' || path.startsWith('/v2/'),
    async handle(request, response, ctx) {
      const path = parsePath(pathOf(request))
      if (path.kind === 'model') return answerModel(request, response, ctx, path)
      expectMethod(request, response, path.kind === 'index' ? 'POST' : 'GET')
      if (path.kind === 'server')
        return endWithJson(response, JSON.stringify({ ...SERVER, version: VERSION }))
      if (path.kind === 'index')
        return endWithJson(response, JSON.stringify(modelIndex(serve.models(ctx))))
      if (path.kind === 'stats')
        return endWithJson(response, JSON.stringify(modelStats(serve.statistics(ctx))))
      const isSo = path.kind === 'live' || isReady()
      response.statusCode = isSo ? 200 : 503
      endWithJson(response, `{"${path.kind}":${isSo}}`)
    },
    answerError: answerErrorAs({
      log,
      // Triton answers 503 when the time of a request has passed in its queue.
      status: (error) => (error.code === 'TIMEOUT' ? 503 : modelStatus(error)),
      body: ({ code }, error) => ({ error, code }),
    }),
  })
}

function oneOf(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' && header !== '' ? header : undefined
}

/** Less than this is not worth packing. */
const PACKED_FROM = 1_024

const PACK = { gzip: promisify(gzip), deflate: promisify(deflate) } as const

async function endWithTensors(
  request: IncomingMessage,
  response: ServerResponse,
  { json, blobs }: InferReply,
): Promise<void> {
  const encoding = acceptedPacking(request.headers['accept-encoding'])
  const isBinary = blobs.length > 0
  const bytes = Buffer.byteLength(json)
  const total = blobs.reduce((sum, blob) => sum + blob.length, bytes)
  if (isBinary) response.setHeader(JSON_LENGTH_HEADER, bytes)
  const isPacked = encoding !== undefined && total >= PACKED_FROM
  if (!isPacked && !isBinary) return endWithJson(response, json)
  const whole = Buffer.concat([Buffer.from(json), ...blobs])
  const body = isPacked ? await PACK[encoding](whole) : whole
  if (isPacked) response.setHeader('content-encoding', encoding)
  response.setHeader('content-type', isBinary ? 'application/octet-stream' : 'application/json')
  response.setHeader('content-length', body.length)
  response.end(body)
}

function acceptedPacking(header: string | string[] | undefined): keyof typeof PACK | undefined {
  const names = String(header ?? '')
    .split(',')
    .map((part) => part.trim().toLowerCase())
  if (names.includes('gzip')) return 'gzip'
  return names.includes('deflate') ? 'deflate' : undefined
}
