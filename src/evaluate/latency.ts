import type { Interval, Metrics } from '@gyre/sdk/wire/gate'
import { quantile, sortedFinite } from '../core/quantile.ts'
import { quantileInterval } from '../core/quantile-interval.ts'

/** The first calls pay for lazy memory and cold caches: they are made, and not measured. */
export const WARM_UP_CALLS = 20

/** Percentiles that are measured, by metric. */
const SHARES = { latencyP50Ms: 0.5, latencyP95Ms: 0.95, latencyP99Ms: 0.99 } as const

/** With 200 calls ten lie above the 95th percentile. */
export const TIMED_CALLS = 200

/** With fewer than 368 calls the 99th percentile has no interval. */
const TIMED_CALLS_OF_P99 = 400

/** How many calls are timed for a gate that asks for these metrics; none where no latency is among them. */
export function callsFor(metrics: readonly string[]): number {
  if (metrics.includes('latencyP99Ms')) return TIMED_CALLS_OF_P99
  return metrics.some((metric) => Object.hasOwn(SHARES, metric)) ? TIMED_CALLS : 0
}

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
  const sorted = sortedWhole(latencies)
  return Object.fromEntries(
    Object.entries(SHARES).map(([metric, share]) => [
      metric,
      sorted.length === 0 ? null : quantile(sorted, share),
    ]),
  )
}

/** The exact 95 % intervals of those percentiles that have one, taking each call for a draw of its own. */
export function latencyIntervals(latencies: readonly number[]): Record<string, Interval> {
  const sorted = sortedWhole(latencies)
  return Object.fromEntries(
    Object.entries(SHARES).flatMap(([metric, share]) => {
      const interval = quantileInterval(sorted, share)
      return interval ? [[metric, interval]] : []
    }),
  )
}

/** Ascending; none at all where one is no number. */
function sortedWhole(latencies: readonly number[]): Float64Array {
  const sorted = sortedFinite(latencies)
  return sorted.length < latencies.length ? new Float64Array() : sorted
}
