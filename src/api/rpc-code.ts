import type { ErrorCode, GyreError } from '../core/errors.ts'

/** gRPC's status codes; what is none of these is its INTERNAL, 13. */
const RPC_CODES: Partial<Readonly<Record<ErrorCode, number>>> = {
  CANCELLED: 1,
  INVALID_ARGUMENT: 3,
  INVALID_INPUT: 3,
  TOO_LARGE: 3,
  UNSUPPORTED_MEDIA_TYPE: 3,
  TIMEOUT: 4,
  NOT_FOUND: 5,
  FORBIDDEN: 7,
  OVERLOADED: 8,
  CONFLICT: 9,
  METHOD_NOT_ALLOWED: 12,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
}

export function rpcCode({ code }: GyreError): number {
  return RPC_CODES[code] ?? 13
}
