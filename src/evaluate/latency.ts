import type { Metrics } from '@gyre/sdk/wire/gate'
import { quantile, sortedFinite } from '../core/quantile.ts'

/** The first calls pay for lazy memory and cold caches: they are made, and not measured. */
export const WARM_UP_CALLS = 20

/** With 200 calls ten lie above the 95th percentile. */
export const TIMED_CALLS = 200

/** What is called, how often, and the clock that times it. */
export interface TimedCalls {
  readonly call: (nth: number) => Promise<unknown>
  /** Milliseconds that never run backwards. */
  readonly monotonicMs: () => number
  readonly warmUp?: number
  readonly calls?: number
}

/** How long each call took once warm, in milliseconds, one after the other. */
export async function warmLatencies({
  call,
  monotonicMs,
  warmUp = WARM_UP_CALLS,
  calls = TIMED_CALLS,
}: TimedCalls): Promise<readonly number[]> {
  for (let nth = 0; nth < warmUp; nth++) await call(nth)
  const latencies: number[] = []
  for (let nth = 0; nth < calls; nth++) {
    const before = monotonicMs()
    await call(warmUp + nth)
    latencies.push(monotonicMs() - before)
  }
  return latencies
}

/** Percentiles of latencies in milliseconds; null of none. */
export function latencyMetrics(latencies: readonly number[]): Metrics {
  const sorted = sortedFinite(latencies)
  const at = (share: number): number | null =>
    sorted.length === 0 || sorted.length < latencies.length ? null : quantile(sorted, share)
  return { latencyP50Ms: at(0.5), latencyP95Ms: at(0.95), latencyP99Ms: at(0.99) }
}
