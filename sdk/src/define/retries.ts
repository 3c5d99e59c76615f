import type { Retries, RetryOn } from '../wire/retries.ts'
import { DefinitionError } from './definition-error.ts'
import { checkSpan, type Duration } from './duration.ts'

/** How long a failed step waits before each retry. */
export interface BackoffOptions {
  /** Before the first retry. */
  readonly first: Duration
  /** Each further wait is so many times as long, 1 to 10; 2 unless told. */
  readonly factor?: number
  /** No wait is longer; `1h` unless told. */
  readonly max?: Duration
  /** The share by which a wait may come out longer or shorter, 0 to 1, so that steps do not all come back at once; 0 unless told. */
  readonly jitter?: number
}

/** Which failures of a step are tried again, how often, and after how long. */
export interface RetryOptions {
  /** Attempts after the first one failed, up to 10. */
  readonly max: number
  /** A duration waits as long each time; at once unless told. */
  readonly backoff?: Duration | BackoffOptions
  /**
   * What is worth another attempt, any of: an error's code (`'TIMEOUT'`, `'STEP_FAILED'`, the `code` of a thrown error
   * such as `'ECONNRESET'`), `{ exitCode: 75 }`, `{ signal: 'SIGKILL' }`, `{ message: 'out of memory' }`. Every failure
   * unless told.
   */
  readonly on?: readonly RetryOn[]
}

/** Retries as the manifest says them. Throws DefinitionError naming the member. */
export function retriesSpec(field: string, given: number | RetryOptions): Retries {
  if (typeof given === 'number') return countOf(field, given)
  const { max, backoff, on } = given
  return {
    max: countOf(`${field}.max`, max),
    ...(backoff !== undefined && { backoff: backoffSpec(`${field}.backoff`, backoff) }),
    ...(on !== undefined && { on: kindsOf(`${field}.on`, on) }),
  }
}

function countOf(field: string, count: number): number {
  if (Number.isInteger(count) && count >= 0 && count <= 10) return count
  throw new DefinitionError(field, `expected 0 to 10, got ${count}`)
}

function backoffSpec(field: string, given: Duration | BackoffOptions) {
  if (typeof given === 'string') {
    checkSpan(field, given)
    return { first: given, factor: 1, max: given, jitter: 0 }
  }
  const { first, factor = 2, max = '1h', jitter = 0 } = given
  checkSpan(`${field}.first`, first)
  checkSpan(`${field}.max`, max)
  checkNumber(`${field}.factor`, factor, 1, 10)
  checkNumber(`${field}.jitter`, jitter, 0, 1)
  return { first, factor, max, jitter }
}

function checkNumber(field: string, value: number, low: number, high: number): void {
  if (!(value >= low && value <= high))
    throw new DefinitionError(field, `expected ${low} to ${high}, got ${value}`)
}

function kindsOf(field: string, on: readonly RetryOn[]): RetryOn[] {
  if (on.length === 0)
    throw new DefinitionError(field, 'expected at least one kind of failure; or leave it out')
  return on.map((kind, at) => {
    checkKind(`${field}[${at}]`, kind)
    return kind
  })
}

function checkKind(field: string, kind: RetryOn): void {
  if (typeof kind === 'string') {
    if (kind === '') throw new DefinitionError(field, "expected a code like 'TIMEOUT'")
  } else if ('exitCode' in kind) {
    if (!Number.isInteger(kind.exitCode)) throw new DefinitionError(field, 'expected an exit code')
    checkNumber(`${field}.exitCode`, kind.exitCode, 1, 255)
  } else if ('signal' in kind) {
    if (!/^SIG[A-Z0-9]+$/.test(kind.signal))
      throw new DefinitionError(
        `${field}.signal`,
        `expected a signal like SIGKILL, got ${kind.signal}`,
      )
  } else if (!('message' in kind) || typeof kind.message !== 'string' || kind.message === '')
    throw new DefinitionError(
      field,
      "expected a code, { exitCode }, { signal } or { message: 'a text in it' }",
    )
}
