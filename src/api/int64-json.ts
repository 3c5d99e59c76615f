import { rewriteOutsideStrings } from '../core/json-stretches.ts'
import { parseJson } from './parse.ts'

/** 2^53 has 16 digits: shorter integers are exact as numbers. The digits behind a point are of no integer. */
const LONG_INTEGER = /(?:^|[^\d.])\d{16}/

/**
 * A JSON body in which an integer that no double holds becomes a string of its digits, as protobuf's JSON may
 * write it anyway. Throws INVALID_ARGUMENT.
 */
export function parseInt64Json(text: string, maxDepth?: number): unknown {
  return parseJson(LONG_INTEGER.test(text) ? quoteLongIntegers(text) : text, maxDepth)
}

/** A whole number of 16 digits or more that is no part of a longer number. */
const WHOLE = /(?<![\d.eE+-])-?\d{16,}(?![\d.eE])/g

function quoteLongIntegers(text: string): string {
  return rewriteOutsideStrings(text, (part) => part.replaceAll(WHOLE, (digits) => `"${digits}"`))
}

/** Stands before the digits of a bigint in a string that is about to lose its quotes; no text of a client holds NUL. */
const BIGINT_MARK = '\u0000int64:'
const MARKED = /"\\u0000int64:(-?\d+)"/g

/** JSON in which a bigint is a bare integer, as MLflow writes its int64 fields. */
export function stringifyInt64(value: unknown): string {
  try {
    return JSON.stringify(value)
  } catch (thrown) {
    // Only a bigint makes JSON.stringify throw here; looking for one first would cost every reply.
    if (!(thrown instanceof TypeError)) throw thrown
    const marked = JSON.stringify(value, (_key, inner: unknown) =>
      typeof inner === 'bigint' ? `${BIGINT_MARK}${inner}` : inner,
    )
    return marked.replaceAll(MARKED, '$1')
  }
}
