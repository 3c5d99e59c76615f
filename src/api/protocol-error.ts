import type { ServerResponse } from 'node:http'
import { ERRORS, toGyreError, type GyreError } from '../core/errors.ts'
import type { Log } from '../core/log.ts'
import { retryAfter } from './problem.ts'
import { nameFailedVersion } from './version-headers.ts'

/** How a protocol of models writes an error. */
export interface ErrorShape {
  readonly log: Log
  readonly status: (error: GyreError) => number
  readonly body: (error: GyreError, text: string) => object
}

/** Answers an error of a raw door in the shape of its protocol; what went wrong inside goes to the log alone. */
export function answerErrorAs({
  log,
  status,
  body,
}: ErrorShape): (response: ServerResponse, thrown: unknown, requestId: string) => void {
  return (response, thrown, requestId) => {
    const error = toGyreError(thrown)
    const isOurs = error.code === 'INTERNAL'
    if (isOurs) log.error({ err: error.cause ?? error, requestId }, 'request failed')
    if (response.headersSent) return void response.destroy()
    nameFailedVersion(response, error.details)
    const wait = retryAfter(error)
    if (wait !== undefined) response.setHeader('retry-after', wait)
    response.statusCode = status(error)
    const text = isOurs ? `internal error; see the log for ${requestId}` : error.message
    const json = JSON.stringify(body(error, text))
    response.setHeader('content-type', 'application/json')
    response.setHeader('content-length', Buffer.byteLength(json))
    response.end(json)
  }
}

/** These protocols know 400 for whatever is wrong with a request. */
export function modelStatus({ code }: GyreError): number {
  return code === 'INVALID_INPUT' ? 400 : ERRORS[code].status
}
