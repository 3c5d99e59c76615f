import type { IncomingMessage, ServerResponse } from 'node:http'
import { z } from 'zod'
import type { Context } from '../../core/context.ts'
import { GyreError, type ErrorCode } from '../../core/errors.ts'
import type { Log } from '../../core/log.ts'
import { askedArm } from '../../routes/pick.ts'
import type { Serve } from '../../serve/serve.ts'
import { decodeUtf8 } from '../body.ts'
import { parseInt64Json } from '../int64-json.ts'
import { readPacked } from '../packed-body.ts'
import { readSchedule } from '../predict/schedule.ts'
import { answerErrorAs, modelStatus } from '../protocol-error.ts'
import { defineRawRoute, type RawDoor } from '../raw-door.ts'
import { endWithJson, expectMethod, pathOf } from '../raw-reply.ts'
import { nameVersion } from '../version-headers.ts'
import { writePredict } from './predict-reply.ts'
import { readPredict } from './predict-request.ts'

export interface TfServingDeps {
  readonly serve: Pick<Serve, 'infer' | 'tensorArm' | 'models' | 'allowsNonfinite'>
  readonly maxBodyBytes: number
  /** Before `/v1/models/…`: there the status of models is told too, which is another protocol's path without it. */
  readonly prefix: string | undefined
  readonly log: Log
}

/** Deep enough for a tensor of 32 axes inside its envelope. */
const MAX_DEPTH = 40

const ERRORS_ANSWERED: readonly ErrorCode[] = [
  'INVALID_ARGUMENT',
  'INVALID_INPUT',
  'NOT_FOUND',
  'TOO_LARGE',
  'OVERLOADED',
  'MODEL_FAILED',
  'TIMEOUT',
  'UNAVAILABLE',
]

const Open = z.record(z.string(), z.unknown())

/** What is asked, and of which model. */
interface ModelPath {
  readonly verb: 'predict' | 'status'
  readonly model: string
  readonly version: string | undefined
}

const PATH = /^\/v1\/models\/([^/:]+)(?:\/versions\/([^/:]+))?(:predict)?$/

/**
 * TensorFlow Serving's REST interface to endpoints that take tensors: `POST /v1/models/NAME:predict`. Source:
 * github.com/tensorflow/serving, tensorflow_serving/g3doc/api_rest.md.
 */
export function tfServingDoor({ serve, maxBodyBytes, prefix, log }: TfServingDeps): RawDoor {
  /** Undefined for a path that is none of this door's. */
  function parsePath(path: string): ModelPath | undefined {
    const isInside = prefix !== undefined && path.startsWith(`${prefix}/`)
    const [, model, version, verb] = PATH.exec(isInside ? path.slice(prefix.length) : path) ?? []
    if (model === undefined || (verb === undefined && !isInside)) return undefined
    return { verb: verb === undefined ? 'status' : 'predict', model, version }
  }

  async function predict(
    request: IncomingMessage,
    response: ServerResponse,
    ctx: Context,
    { model, version }: ModelPath,
  ): Promise<void> {
    expectMethod(request, response, 'POST')
    const schedule = readSchedule(request, response)
    const body = await readPacked(request, response, maxBodyBytes)
    const json = parseInt64Json(decodeUtf8(body), MAX_DEPTH)
    const { graph } = await serve.tensorArm(ctx, model, version)
    const ask = readPredict(json, graph.inputs, serve.allowsNonfinite(ctx, model))
    const { headers } = request
    const subject = String(headers['x-gyre-subject'] ?? '') || undefined
    const { outputs, picked, id } = await serve.infer(
      ctx,
      model,
      { subject, at: undefined, version, inputs: ask.inputs, schedule },
      askedArm(headers),
    )
    nameVersion(response, picked.variant, picked.model, picked.rev)
    response.setHeader('x-gyre-prediction-id', id)
    endWithJson(response, writePredict(ask, outputs))
  }

  function statusText(ctx: Context, { model, version }: ModelPath): string {
    const { versions, state, reason } = serve.models(ctx).find(({ name }) => name === model) ?? {}
    const listed = versions?.filter((one) => version === undefined || one === version) ?? []
    if (listed.length === 0)
      throw new GyreError('NOT_FOUND', `Could not find any versions of model ${model}`)
    const status =
      state === 'UNAVAILABLE'
        ? { error_code: 'UNAVAILABLE', error_message: reason }
        : { error_code: 'OK', error_message: '' }
    return JSON.stringify({
      model_version_status: listed.map((one) => ({
        version: one,
        state: STATES[state ?? 'UNAVAILABLE'],
        status,
      })),
    })
  }

  return defineRawRoute({
    scope: 'predict',
    described: [
      {
        method: 'POST',
        path: '/v1/models/:model:predict',
        summary: 'Ask a model, in the words of TensorFlow Serving',
        scope: 'predict',
        body: Open,
        reply: Open,
        errors: [...ERRORS_ANSWERED],
      },
    ],
    matches: (path) => parsePath(path) !== undefined,
    async handle(request, response, ctx) {
      const path = parsePath(pathOf(request))
      if (!path) throw new GyreError('NOT_FOUND', `${pathOf(request)}: no such path`)
      if (path.verb === 'predict') return predict(request, response, ctx, path)
      expectMethod(request, response, 'GET')
      endWithJson(response, statusText(ctx, path))
    },
    answerError: answerErrorAs({ log, status: modelStatus, body: (_, error) => ({ error }) }),
  })
}

/** In its own words for how a version fares. */
const STATES = { READY: 'AVAILABLE', LOADING: 'LOADING', UNAVAILABLE: 'END' } as const
