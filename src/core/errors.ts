/** Every code Gyre answers with: its HTTP status, and the exit code of the CLI when it ends a command. */
export const ERRORS = {
  INVALID_ARGUMENT: { status: 400, exit: 2 },
  INVALID_INPUT: { status: 422, exit: 2 },
  UNAUTHENTICATED: { status: 401, exit: 2 },
  FORBIDDEN: { status: 403, exit: 2 },
  HOST_NOT_ALLOWED: { status: 421, exit: 2 },
  EGRESS_DENIED: { status: 403, exit: 2 },
  NOT_FOUND: { status: 404, exit: 1 },
  METHOD_NOT_ALLOWED: { status: 405, exit: 1 },
  ALREADY_EXISTS: { status: 409, exit: 1 },
  CONFLICT: { status: 409, exit: 1 },
  FENCED: { status: 409, exit: 1 },
  GATE_REFUSED: { status: 409, exit: 1 },
  APPROVAL_MISSING: { status: 409, exit: 1 },
  LABEL_LEAK: { status: 422, exit: 1 },
  ROW_OVERLAP: { status: 422, exit: 1 },
  CONTRACT_BROKEN: { status: 422, exit: 1 },
  TOO_LARGE: { status: 413, exit: 2 },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, exit: 2 },
  HEADERS_TOO_LARGE: { status: 431, exit: 2 },
  REQUEST_TIMEOUT: { status: 408, exit: 1 },
  OVERLOADED: { status: 429, exit: 1 },
  MODEL_FAILED: { status: 500, exit: 1 },
  STEP_FAILED: { status: 422, exit: 1 },
  OUT_OF_MEMORY: { status: 422, exit: 1 },
  INTERNAL: { status: 500, exit: 1 },
  UNAVAILABLE: { status: 503, exit: 1 },
  DAMAGED: { status: 422, exit: 1 },
  DISK_FULL: { status: 507, exit: 1 },
  TIMEOUT: { status: 504, exit: 1 },
  CANCELLED: { status: 499, exit: 130 },
  FOLDER_LOCKED: { status: 503, exit: 3 },
  FOLDER_NOT_WRITABLE: { status: 500, exit: 2 },
  PORT_TAKEN: { status: 500, exit: 2 },
  NODE_TOO_OLD: { status: 500, exit: 2 },
  NEWER_DATABASE: { status: 500, exit: 2 },
} as const satisfies Record<string, { status: number; exit: number }>

export type ErrorCode = keyof typeof ERRORS

export type ErrorDetails = Readonly<Record<string, unknown>>

/** The one error type that crosses rooms. `details` holds facts for the reader, `cause` the origin. */
export class GyreError extends Error {
  override readonly name = 'GyreError'
  readonly code: ErrorCode
  readonly details: ErrorDetails

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.details = details
  }
}

/** INVALID_INPUT that names the field, in its message and its details. */
export function invalidInput(field: string, message: string, cause?: unknown): GyreError {
  return new GyreError('INVALID_INPUT', `${field}: ${message}`, { field }, cause)
}

export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(ERRORS, code)
}

/** Whatever was thrown, as a GyreError; a foreign error becomes INTERNAL with the origin as its cause. */
export function toGyreError(thrown: unknown): GyreError {
  if (thrown instanceof GyreError) return thrown
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  if (errnoOf(thrown) === 'ENOSPC')
    return new GyreError('DISK_FULL', `the disk is full: ${message}`, {}, thrown)
  return new GyreError('INTERNAL', message, {}, thrown)
}

/** The `code` of a system error (`ENOENT`, `EADDRINUSE`), or undefined for anything else. */
export function errnoOf(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error) || !('code' in thrown)) return undefined
  return typeof thrown.code === 'string' ? thrown.code : undefined
}
