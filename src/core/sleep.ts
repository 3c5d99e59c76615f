import { setTimeout as delay } from 'node:timers/promises'

/** Resolves after so many milliseconds, or sooner once `signal` is aborted. Handed in, so that tests need not wait. */
export type Sleep = (ms: number, signal: AbortSignal) => Promise<void>

/** Node fires a timer that is set for longer at once. */
const MAX_MS = 2_147_483_647

export const systemSleep: Sleep = (ms, signal) =>
  delay(Math.min(Math.max(ms, 0), MAX_MS), undefined, { signal }).catch(() => undefined)
