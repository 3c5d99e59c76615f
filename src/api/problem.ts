import type { ServerResponse } from 'node:http'
import { ERRORS, toGyreError, type ErrorCode, type GyreError } from '../core/errors.ts'
import type { Log } from '../core/log.ts'

/** RFC 9457 problem details, with Gyre's code and facts beside the standard members. */
interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly code: ErrorCode
  readonly details: Readonly<Record<string, unknown>>
  readonly requestId: string
}

const PROBLEM_TYPE = 'application/problem+json'

function problemOf(error: GyreError, requestId: string): Problem {
  const { status } = ERRORS[error.code]
  return {
    type: `urn:gyre:error:${error.code.toLowerCase().replaceAll('_', '-')}`,
    title: error.code.toLowerCase().replaceAll('_', ' '),
    status,
    // What went wrong inside is for the log; a caller gets the code and the request's id to ask with.
    detail:
      error.code === 'INTERNAL'
        ? `internal error; see the server's log for ${requestId}`
        : error.message,
    code: error.code,
    details: error.code === 'INTERNAL' ? {} : error.details,
    requestId,
  }
}

/** Seconds after which a refused request may be tried again, as the `Retry-After` header carries it. */
export function retryAfter(error: GyreError): number | undefined {
  if (error.code !== 'OVERLOADED' && error.code !== 'UNAVAILABLE') return undefined
  const seconds = error.details['retryAfterS']
  return typeof seconds === 'number' ? Math.max(1, Math.ceil(seconds)) : 1
}

interface ProblemReply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** What a failed request is answered with; what broke inside is logged under the request's id. */
export function problemReply(log: Log, error: GyreError, requestId: string): ProblemReply {
  if (error.code === 'INTERNAL')
    log.error({ err: error.cause ?? error, requestId }, 'request failed')
  const wait = retryAfter(error)
  return {
    status: ERRORS[error.code].status,
    headers: {
      'content-type': PROBLEM_TYPE,
      ...(wait === undefined ? {} : { 'retry-after': String(wait) }),
    },
    body: JSON.stringify(problemOf(error, requestId)),
  }
}

/** Answers a request that Fastify does not serve with a problem; an answer begun is cut off instead. */
export function answerProblem(
  log: Log,
  response: ServerResponse,
  thrown: unknown,
  requestId: string,
): void {
  const { status, headers, body } = problemReply(log, toGyreError(thrown), requestId)
  if (response.headersSent) response.destroy()
  else response.writeHead(status, headers).end(body)
}
