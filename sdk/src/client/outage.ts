import { setTimeout as delay } from 'node:timers/promises'
import { RequestError } from './request-error.ts'

/** How soon a server that does not answer is asked again. */
const ASK_AGAIN_MS = 250

/** Calls again while the server does not answer, for `outageMs`: it may be starting anew. Throws what the call throws. */
export async function throughOutage<T>(
  call: () => Promise<T>,
  outageMs: number,
  signal: AbortSignal,
): Promise<T> {
  let until: number | undefined
  for (;;) {
    try {
      return await call()
    } catch (error) {
      until ??= performance.now() + outageMs
      const isOut = error instanceof RequestError && error.code === 'UNAVAILABLE'
      if (!isOut || performance.now() > until) throw error
      await delay(ASK_AGAIN_MS, undefined, { signal })
    }
  }
}
