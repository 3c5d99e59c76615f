import { GyreError } from '../core/errors.ts'

export interface Limits {
  readonly signal: AbortSignal | undefined
  readonly timeoutMs: number | undefined
}

/** Ten minutes: longer than any query Gyre makes by itself, shorter than a forgotten one. */
const DEFAULT_TIMEOUT_MS = 600_000

/**
 * Runs `work` with a signal that fires when the caller cancels or the time is up; a `work` that ends by that
 * signal throws CANCELLED or TIMEOUT accordingly.
 */
export async function withDeadline<T>(
  { signal, timeoutMs = DEFAULT_TIMEOUT_MS }: Limits,
  work: (until: AbortSignal) => Promise<T>,
): Promise<T> {
  const until = new AbortController()
  let timedOut = false
  const cancel = () => until.abort()
  const timer = setTimeout(() => {
    timedOut = true
    until.abort()
  }, timeoutMs)
  signal?.addEventListener('abort', cancel)
  if (signal?.aborted) cancel()
  try {
    return await work(until.signal)
  } catch (error) {
    if (timedOut)
      throw new GyreError('TIMEOUT', `the query took more than ${timeoutMs} ms`, {}, error)
    throw error
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', cancel)
  }
}
