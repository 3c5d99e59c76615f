import type { IncomingMessage } from 'node:http'
import { PredictReply, PredictRequest } from '@gyre/sdk/wire/predict'
import { GyreError, toGyreError } from '../../core/errors.ts'
import { askedArm, scopeOfAsking } from '../../routes/pick.ts'
import type { Serve } from '../../serve/serve.ts'
import { defineRawRoute, type RawDoor } from '../raw-door.ts'
import { readAsk } from './ask.ts'
import { readSchedule } from './schedule.ts'
import { readJson } from '../body.ts'
import { endWithJson, expectMethod, pathOf } from '../raw-reply.ts'
import { nameFailedVersion, nameVersion } from '../version-headers.ts'

export interface PredictDoorDeps {
  readonly serve: Pick<Serve, 'predict'>
  readonly maxBodyBytes: number
}

const DESCRIBED = {
  method: 'POST',
  scope: 'predict',
  body: PredictRequest,
  reply: PredictReply,
  errors: [
    'INVALID_ARGUMENT',
    'INVALID_INPUT',
    'NOT_FOUND',
    'TOO_LARGE',
    'UNSUPPORTED_MEDIA_TYPE',
    'OVERLOADED',
    'MODEL_FAILED',
    'TIMEOUT',
    'UNAVAILABLE',
  ],
} as const

/** `POST /predict` asks the default endpoint, `POST /predict/{endpoint}` the named one. */
export function predictDoor({ serve, maxBodyBytes }: PredictDoorDeps): RawDoor {
  return defineRawRoute({
    scope: (request) => scopeOfAsking(request.headers),
    described: [
      { ...DESCRIBED, path: '/predict', summary: 'Ask the only endpoint there is' },
      { ...DESCRIBED, path: '/predict/:endpoint', summary: 'Ask an endpoint' },
    ],
    matches: (path) => path === '/predict' || path.startsWith('/predict/'),
    async handle(request, response, ctx) {
      expectMethod(request, response, 'POST')
      const endpoint = endpointOf(request)
      const { headers } = request
      const schedule = readSchedule(request, response)
      const ask = {
        ...readAsk(await readJson(request, response, maxBodyBytes)),
        schedule,
        headers,
      }
      const asked = askedArm(headers)
      try {
        const { reply, rev } = await serve.predict(ctx, endpoint, ask, asked)
        nameVersion(response, reply.variant, reply.model_version, rev)
        endWithJson(response, replyText(reply))
      } catch (thrown) {
        const error = toGyreError(thrown)
        nameFailedVersion(response, error.details)
        throw error
      }
    },
  })
}

function endpointOf(request: IncomingMessage): string | undefined {
  const name = pathOf(request).slice('/predict/'.length)
  if (name === '') return undefined
  try {
    return decodeURIComponent(name)
  } catch (cause) {
    throw new GyreError('NOT_FOUND', `endpoint: ${name} is no name`, { endpoint: name }, cause)
  }
}

/** JSON by hand: ids, refs and variants of ours need no escaping, reasons do. */
function replyText(reply: PredictReply): string {
  const reasons = reply.reasons.length === 0 ? '[]' : JSON.stringify(reply.reasons)
  const prediction =
    typeof reply.prediction === 'number' ? reply.prediction : JSON.stringify(reply.prediction)
  return (
    `{"prediction_id":"${reply.prediction_id}","prediction":${prediction},` +
    `"confidence":${reply.confidence},"score":${reply.score},` +
    `"model_version":"${reply.model_version}","variant":"${reply.variant}",` +
    `"quarantined":${reply.quarantined},"reasons":${reasons}}`
  )
}
