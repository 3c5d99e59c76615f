import type { ServerResponse } from 'node:http'
import { ERRORS, type ErrorCode, type GyreError } from '../../core/errors.ts'
import { retryAfter } from '../problem.ts'
import { endWithJson } from '../raw-reply.ts'

/**
 * MLflow's error codes and statuses (mlflow 3.17, `mlflow.exceptions` and `mlflow.protos.databricks`). The client
 * tries a 429 or 5xx again for minutes, so bad input must never be one.
 */
const IN_MLFLOW: Partial<Readonly<Record<ErrorCode, readonly [code: string, status: number]>>> = {
  INVALID_ARGUMENT: ['INVALID_PARAMETER_VALUE', 400],
  INVALID_INPUT: ['INVALID_PARAMETER_VALUE', 400],
  UNSUPPORTED_MEDIA_TYPE: ['INVALID_PARAMETER_VALUE', 400],
  TOO_LARGE: ['INVALID_PARAMETER_VALUE', 400],
  CONFLICT: ['INVALID_PARAMETER_VALUE', 400],
  NOT_FOUND: ['RESOURCE_DOES_NOT_EXIST', 404],
  METHOD_NOT_ALLOWED: ['ENDPOINT_NOT_FOUND', 404],
  ALREADY_EXISTS: ['RESOURCE_ALREADY_EXISTS', 400],
  GATE_REFUSED: ['PERMISSION_DENIED', 403],
  APPROVAL_MISSING: ['PERMISSION_DENIED', 403],
  FORBIDDEN: ['PERMISSION_DENIED', 403],
  UNAUTHENTICATED: ['UNAUTHENTICATED', 401],
  // With another status than MLflow's own, 429, which its client would try again for minutes.
  DISK_FULL: ['RESOURCE_EXHAUSTED', 507],
  OVERLOADED: ['REQUEST_LIMIT_EXCEEDED', 429],
  UNAVAILABLE: ['TEMPORARILY_UNAVAILABLE', 503],
}

/** Answers with `{ error_code, message }`; an answer begun is cut off instead. */
export function answerMlflowError(
  response: ServerResponse,
  error: GyreError,
  requestId: string,
): void {
  if (response.headersSent) {
    response.destroy()
    return
  }
  const [code, status] = IN_MLFLOW[error.code] ?? ['INTERNAL_ERROR', ERRORS[error.code].status]
  const message =
    error.code === 'INTERNAL'
      ? `internal error; see the server's log for ${requestId}`
      : error.message
  const wait = retryAfter(error)
  response.statusCode = status
  // What is refused is told again: it must be nothing but JSON to whoever reads it.
  response.setHeader('x-content-type-options', 'nosniff')
  if (wait !== undefined) response.setHeader('retry-after', String(wait))
  endWithJson(response, JSON.stringify({ error_code: code, message }))
}
