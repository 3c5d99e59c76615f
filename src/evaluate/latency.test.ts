import { expect, test } from 'vitest'
import { judge } from './gate.ts'
import {
  callsFor,
  latencyIntervals,
  latencyMetrics,
  TIMED_CALLS,
  WARM_UP_CALLS,
  warmLatencies,
} from './latency.ts'

const judged = (latencies: readonly number[]) =>
  judge({ metrics: latencyMetrics(latencies) }, { latencyP95Ms: { below: 100 } })

test('the percentiles are numpy’s', () => {
  // np.percentile(np.arange(1, 101), [50, 95, 99]), numpy 2.4
  expect(latencyMetrics(Array.from({ length: 100 }, (_, i) => i + 1))).toEqual({
    latencyP50Ms: 50.5,
    latencyP95Ms: 95.05,
    latencyP99Ms: 99.01,
  })
})

test('no calls, and a time that is no number, fail', () => {
  const missing = { passed: false, checks: [{ reason: 'the metric is missing' }] }
  expect(judged([])).toMatchObject(missing)
  expect(judged([1, Number.NaN])).toMatchObject(missing)
})

/** Of calls that take 1, 2, … ms. */
const intervalsOf = (calls: number) =>
  latencyIntervals(Array.from({ length: calls }, (_, i) => i + 1))

test('percentiles have exact intervals where there are calls enough, and a gate makes enough', () => {
  // ranks by scipy.stats.binom.cdf, 1.17
  const [p50, p95] = [
    { lower: 86, upper: 115 },
    { lower: 184, upper: 197 },
  ]
  expect(intervalsOf(callsFor(['latencyP95Ms']))).toEqual({ latencyP50Ms: p50, latencyP95Ms: p95 })
  expect(intervalsOf(callsFor(['auc', 'latencyP99Ms']))).toMatchObject({
    latencyP99Ms: { lower: 392, upper: 400 },
  })
  expect(callsFor(['auc', 'sizeBytes'])).toBe(0)
  expect(intervalsOf(0)).toEqual({})
  expect(latencyIntervals([...Array.from({ length: 200 }, () => 7), Number.NaN])).toEqual({})
})

test.each([
  [150, false],
  [100, false],
  [99.9, true],
])('a model that takes %d ms passes a bound of 100 ms: %s', (ms, passed) => {
  expect(judged(Array.from({ length: 200 }, () => ms)).passed).toBe(passed)
})

test('up to a twentieth of the calls may be slow', () => {
  const calls = Array.from({ length: 200 }, (_, i) => (i < 11 ? 150 : 20))
  expect(judged(calls).passed).toBe(false)
  expect(judged(calls.with(0, 20)).passed).toBe(true)
})

test('what the first calls took is not measured', async () => {
  let [now, called] = [0, 0]
  const call = async () => {
    now += called < WARM_UP_CALLS ? 5000 : 7
    called += 1
  }
  const latencies = await warmLatencies({ call, monotonicMs: () => now })
  expect(called).toBe(WARM_UP_CALLS + TIMED_CALLS)
  expect(new Set(latencies)).toEqual(new Set([7]))
})
