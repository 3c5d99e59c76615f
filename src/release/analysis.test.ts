import { AnalysisReply } from '@gyre/sdk/wire/release'
import { expect, test } from 'vitest'
import { analyse, analyseEach } from './analysis.ts'
import type { EvidenceRow } from './evidence.ts'

const ERRORS = { name: 'errors', ceiling: 0.01 }
const SLOW = { name: 'slow', ceiling: 0.01 }
const plan = { metrics: [ERRORS], stages: 1, minSamples: 0, margin: 1.5 }

/** `[requests, failures, subjectsFailed]` of either arm; every failure is another subject's by default. */
type Arm = [requests: number, failures: number, subjectsFailed?: number]

function evidence(canary: Arm, stable: Arm, weightBp = 1000, metric = 'errors'): EvidenceRow {
  const arm = ([requests, failures, subjectsFailed = failures]: Arm) => ({
    requests,
    failures,
    subjectsFailed,
  })
  return { metric, weightBp, canary: arm(canary), stable: arm(stable) }
}

const answer = (...rows: EvidenceRow[]) => analyse(rows, plan)

test('a plan without metrics is refused', () => {
  expect(() => analyse([], { ...plan, metrics: [] })).toThrow('plan.metrics')
})

test('without evidence there is no answer, but an estimate of what it takes', () => {
  expect(answer()).toMatchObject({ verdict: 'hold', logE: 0, canaryRateUpper: null })
  expect(answer(evidence([0, 0], [100, 0]))).toMatchObject({
    verdict: 'hold',
    needed: 606, // ln(40 · 6) / ln(0.999 / 0.99), rounded up
    reason: 'not enough data: 0 of about 606 canary requests',
  })
})

test('without a stable arm nothing passes and nothing fails', () => {
  expect(answer(evidence([5000, 0], [0, 0]))).toMatchObject({
    verdict: 'hold',
    reason: 'not enough data: no stable requests to compare with',
  })
  expect(answer(evidence([50, 50], [0, 0])).verdict).toBe('hold')
})

test('at weight 0 and 10,000 nothing is evidence', () => {
  const all = [evidence([9000, 900], [10, 0], 10_000), evidence([9000, 900], [10, 0], 0)]
  expect(answer(...all)).toMatchObject({ verdict: 'hold', canary: { requests: 0 } })
})

test('a clean canary passes the 1 % ceiling at 525 requests and holds at 524', () => {
  // The first n with mean over ρ of ((1 − 0.01/ρ) / 0.99)^n > 40, found with Python's math.
  expect(answer(evidence([525, 0], [4000, 0]))).toMatchObject({
    verdict: 'pass',
    rateRatioUpper: null,
  })
  expect(answer(evidence([524, 0], [4000, 0])).verdict).toBe('hold')
})

test('a canary that answers with errors fails within a handful of them', () => {
  expect(answer(evidence([3, 3], [30, 0]))).toMatchObject({
    verdict: 'fail',
    needed: 0,
    reason: 'the canary fails more often than stable: 3 of 3 against 0 of 30',
  })
})

test('a canary worse than stable fails even under the ceiling', () => {
  const { verdict, canaryRateUpper } = answer(evidence([20_000, 60], [180_000, 90]))
  expect(canaryRateUpper).toBeLessThan(0.01)
  expect(verdict).toBe('fail')
})

test('a canary over the ceiling passes when it is no worse than a bad stable arm', () => {
  const { verdict, reason, canaryRateUpper } = answer(evidence([9000, 450], [81_000, 4050]))
  expect(verdict).toBe('pass')
  expect(canaryRateUpper).toBeGreaterThan(0.05)
  expect(reason).toMatch(/^the canary fails at most 1\.\d+ times as often as stable, below 1\.5$/)
})

test('between good and bad it holds, and says how far it is', () => {
  const found = answer(evidence([300, 4], [2700, 27]))
  expect(found.verdict).toBe('hold')
  expect(found.reason).toBe(
    `not enough data: 300 of about ${300 + (found.needed ?? 0)} canary requests`,
  )
})

test('one subject that fails again and again is one failure against the canary, but all against passing', () => {
  expect(answer(evidence([600, 40, 1], [5400, 0])).verdict).toBe('hold')
  expect(answer(evidence([600, 40], [5400, 0])).verdict).toBe('fail')
  const few = answer(evidence([9000, 4500, 50], [81_000, 810, 450]))
  expect(few.verdict).not.toBe('pass')
})

test('rows of restarts and replicas add up to the same answer', () => {
  const whole = answer(evidence([500, 6], [4500, 30]), evidence([400, 5], [1200, 8], 2500))
  const parts = answer(
    evidence([100, 2], [4000, 11]),
    evidence([400, 5], [1200, 8], 2500),
    evidence([400, 4], [500, 19]),
  )
  expect({ ...parts, logE: 0 }).toEqual({ ...whole, logE: 0 })
  expect(parts.logE).toBeCloseTo(whole.logE, 10)
})

test('more metrics ask for more evidence each, and one bad metric fails all', () => {
  const two = { ...plan, metrics: [ERRORS, SLOW] }
  const errors = evidence([525, 0], [4000, 0])
  expect(analyse([errors], two)).toMatchObject({ metric: 'errors', verdict: 'hold' })
  const enough = evidence([2000, 0], [18_000, 0])
  expect(analyse([enough], two)).toMatchObject({ metric: 'slow', verdict: 'hold' })
  const slow = evidence([2000, 200], [18_000, 180], 1000, 'slow')
  expect(analyse([enough, slow], two)).toMatchObject({ metric: 'slow', verdict: 'fail' })
  const fast = evidence([2000, 0], [18_000, 0], 1000, 'slow')
  expect(analyseEach([enough, fast], two).map(({ verdict }) => verdict)).toEqual(['pass', 'pass'])
})

test('what goes over the wire is finite', () => {
  const { metric: _, needed: __, ...reply } = answer(evidence([100_000, 90_000], [900_000, 0]))
  expect(AnalysisReply.parse(reply).verdict).toBe('fail')
})

test('more stages ask for more evidence of a failure, and for none more to pass', () => {
  const bad = evidence([300, 12], [2700, 32])
  const [alone, ofThree] = [analyse([bad], plan), analyse([bad], { ...plan, stages: 3 })]
  // ln 20 = 3.00 and ln 60 = 4.09 of the same wealth.
  expect(alone.logE).toBeGreaterThan(Math.log(20))
  expect(alone.logE).toBeLessThan(Math.log(60))
  expect([alone.verdict, ofThree.verdict]).toEqual(['fail', 'hold'])
  expect(analyse([evidence([525, 0], [4000, 0])], { ...plan, stages: 3 }).verdict).toBe('pass')
})

test("what has passed waits for the plan's requests, what has failed does not", () => {
  const patient = { ...plan, minSamples: 600 }
  expect(analyse([evidence([599, 0], [4000, 0])], patient)).toMatchObject({
    verdict: 'hold',
    needed: 1,
    reason: "not enough data: 599 of the plan's 600 canary requests",
  })
  expect(analyse([evidence([600, 0], [4000, 0])], patient).verdict).toBe('pass')
  expect(analyse([evidence([3, 3], [30, 0])], patient).verdict).toBe('fail')
  expect(analyse([], patient).needed).toBe(606)
})

test('a slow canary is told as slow', () => {
  const slow = analyse([evidence([300, 60], [2700, 90], 1000, 'slow')], {
    ...plan,
    metrics: [SLOW],
  })
  expect(slow.reason).toBe(
    'the canary is slow more often than stable: 60 of 300 against 90 of 2700',
  )
})
