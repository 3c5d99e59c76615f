import type { IncomingMessage, ServerResponse } from 'node:http'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { z } from 'zod'
import { ERRORS, GyreError, toGyreError } from '../core/errors.ts'
import {
  packExportJson,
  packExportResponse,
  packRpcStatus,
  readSpan,
  unpackExport,
  type OtlpSpan,
} from '../core/formats/otlp.ts'
import type { Log } from '../core/log.ts'
import type { Rejection, Traces } from '../traces/traces.ts'
import { decodeUtf8 } from './body.ts'
import { declaredType } from './body-stream.ts'
import { parseInt64Json } from './int64-json.ts'
import { ExperimentId } from './mlflow/experiments.ts'
import { readPacked } from './packed-body.ts'
import { parsePart } from './parse.ts'
import { retryAfter } from './problem.ts'
import { defineRawRoute, type RawDoor } from './raw-door.ts'
import { expectMethod } from './raw-reply.ts'
import { rpcCode } from './rpc-code.ts'

export interface OtlpDoorDeps {
  readonly traces: Pick<Traces, 'log'>
  readonly log: Log
}

/** Of a request, packed and unpacked: what OpenTelemetry's own Collector takes. */
const MAX_BODY_BYTES = 20 * 1_048_576

/** Of JSON; a value in a value takes two levels, and protobuf ends at a hundred messages. */
const MAX_DEPTH = 256

/** Reading so much takes some milliseconds; then others get their turn. */
const BYTES_PER_TURN = 65_536

const PROTOBUF = 'application/x-protobuf'
const JSON_TYPE = 'application/json'

/** Of the experiment that MLflow's client tells with its spans, and of the run it has open. */
const [EXPERIMENT_HEADER, RUN_HEADER] = ['x-mlflow-experiment-id', 'x-mlflow-run-id'] as const

/** `POST /v1/traces`: OTLP/HTTP, for exporters that name an experiment as MLflow's client does. */
export function otlpDoor({ traces, log }: OtlpDoorDeps): RawDoor {
  return defineRawRoute({
    scope: 'write',
    described: [
      {
        method: 'POST',
        path: '/v1/traces',
        scope: 'write',
        summary: 'Spans of OpenTelemetry and MLflow, as OTLP/HTTP',
        reply: z.looseObject({}),
        errors: ['INVALID_ARGUMENT', 'NOT_FOUND', 'TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE'],
      },
    ],
    matches: (path) => path === '/v1/traces',
    async handle(request, response, ctx) {
      expectMethod(request, response, 'POST')
      const { experiment, run, type } = headOf(request)
      const body = await readPacked(request, response, MAX_BODY_BYTES)
      const packed = unpackExport(
        type === JSON_TYPE ? packExportJson(parseInt64Json(decodeUtf8(body), MAX_DEPTH)) : body,
      )
      const origins = []
      for (const { resource, spans } of packed)
        origins.push({ resource, spans: await readSpans(spans) })
      answer(response, type, await traces.log(ctx, { experiment, run, origins }))
    },
    answerError(response, thrown, requestId) {
      const error = toGyreError(thrown)
      if (error.code === 'INTERNAL')
        log.error({ err: error.cause ?? error, requestId }, 'request failed')
      answerError(response, error, requestId)
    },
  })
}

function headOf(request: IncomingMessage) {
  const type = declaredType(request)
  if (type !== PROTOBUF && type !== JSON_TYPE)
    throw unsupported('content-type', `${PROTOBUF} or ${JSON_TYPE}`, type)
  const experiment = request.headers[EXPERIMENT_HEADER]
  if (experiment === undefined)
    throw new GyreError(
      'INVALID_ARGUMENT',
      `${EXPERIMENT_HEADER}: spans are taken with this header, which names an experiment`,
      { field: EXPERIMENT_HEADER },
    )
  const run = request.headers[RUN_HEADER]
  return {
    type,
    experiment: parsePart(ExperimentId, experiment, EXPERIMENT_HEADER),
    run: typeof run === 'string' && run !== '' ? run : undefined,
  }
}

async function readSpans(packed: readonly Uint8Array[]): Promise<OtlpSpan[]> {
  const spans: OtlpSpan[] = []
  let bytes = 0
  for (const one of packed) {
    bytes += one.length
    if (bytes > BYTES_PER_TURN) {
      await nextTurn()
      bytes = one.length
    }
    spans.push(readSpan(one))
  }
  return spans
}

function answer(response: ServerResponse, type: string, { spans, why }: Rejection): void {
  const partialSuccess = { rejectedSpans: String(spans), errorMessage: why }
  const body =
    type === JSON_TYPE
      ? Buffer.from(JSON.stringify(spans === 0 ? {} : { partialSuccess }))
      : packExportResponse(spans, why)
  response.writeHead(200, { 'content-type': type, 'content-length': body.length })
  response.end(body)
}

/** A Status in the language of the request; what may be tried again has a status that says so. */
function answerError(response: ServerResponse, error: GyreError, requestId: string): void {
  if (response.headersSent) {
    response.destroy()
    return
  }
  const isJson = declaredType(response.req) === JSON_TYPE
  const code = rpcCode(error)
  const message =
    error.code === 'INTERNAL'
      ? `internal error; see the server's log for ${requestId}`
      : error.message
  const wait = retryAfter(error)
  response.writeHead(ERRORS[error.code].status, {
    'content-type': isJson ? JSON_TYPE : PROTOBUF,
    ...(wait === undefined ? {} : { 'retry-after': String(wait) }),
  })
  response.end(isJson ? JSON.stringify({ code, message }) : packRpcStatus(code, message))
}

function unsupported(field: string, expected: string, got: string | undefined): GyreError {
  return new GyreError(
    'UNSUPPORTED_MEDIA_TYPE',
    `${field}: expected ${expected}, got ${got ?? 'nothing'}`,
    { field },
  )
}
