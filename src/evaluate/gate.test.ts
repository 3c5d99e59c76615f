import { GateRules } from '@gyre/sdk/wire/gate'
import { expect, test } from 'vitest'
import { gateDigest, judge, type Evidence } from './gate.ts'
import type { SlicedEvidence } from './gate-evidence.ts'

const metrics = { auc: 0.7, logLoss: 0.42, calibration: -0.03, precision: null }
const champion = { auc: 0.69, logLoss: 0.41 }
const baseline = { auc: 0.65, logLoss: 0.45 }
const evidence: Evidence = { metrics, champion, baseline }

/** Whether the rules pass, and the reason of the first check. */
const said = (rules: GateRules, about: Evidence = evidence) => {
  const { passed, checks } = judge(about, GateRules.parse(rules))
  return [passed, checks[0]?.reason]
}

const near = (lower: number, upper: number) => ({
  metrics: { logLoss: 0.405 },
  champion,
  differences: { logLoss: { value: -0.005, lower, upper } },
})

const calibrated = (theirs: number) => ({ metrics, champion: { calibration: theirs } })

const sliced = (atLeast: number) => ({
  auc: { atLeast: 0.68, worstSlice: { by: 'origin', atLeast } },
})

const byOrigin = (aucs: Readonly<Record<string, number | null>>): SlicedEvidence => ({
  by: 'origin',
  minRows: 500,
  judged: Object.entries(aucs).map(([slice, auc]) => ({ slice, metrics: { auc } })),
  tooSmall: 2,
})

test('rules that check nothing are refused', () => {
  expect(() => judge(evidence, {})).toThrow('at least one bound')
  expect(() => judge(evidence, { auc: {} })).toThrow('at least one bound')
})

test('a metric that is missing, null or not a number fails with its reason', () => {
  expect(said({ recall: { atLeast: 0 } })).toEqual([false, 'the metric is missing'])
  expect(said({ precision: { atLeast: 0 } })).toEqual([false, 'the metric is missing'])
  const broken = { metrics: { auc: Number.NaN, logLoss: Number.POSITIVE_INFINITY } }
  expect(said({ auc: { atLeast: 0 } }, broken)).toEqual([false, 'the metric is NaN'])
  expect(said({ logLoss: { above: 0 } }, broken)).toEqual([false, 'the metric is Infinity'])
})

test.each([
  [{ atLeast: 0.9 }, 0.9, true],
  [{ atLeast: 0.9 }, 0.8999, false],
  [{ above: 0.1 }, 0.1, false],
  [{ above: 0.1 }, 0.1001, true],
  [{ atMost: 0.1 }, 0.1, true],
  [{ atMost: 0.1 }, 0.1001, false],
  [{ below: 0.05 }, 0.05, false],
  [{ below: 0.05 }, 0.049, true],
])('%j of %d passes: %s', (bounds, value, passed) => {
  expect(judge({ metrics: { some: value } }, { some: bounds }).passed).toBe(passed)
})

test('a check says what was asked, what was found and why', () => {
  expect(judge(evidence, { auc: { atLeast: 0.68 }, logLoss: { betterThan: 'champion' } })).toEqual({
    passed: false,
    checks: [
      {
        metric: 'auc',
        rule: '≥ 0.68',
        value: 0.7,
        bound: 0.68,
        passed: true,
        reason: '0.7 is ≥ 0.68',
      },
      {
        metric: 'logLoss',
        rule: 'better than the champion',
        value: 0.42,
        bound: 0.41,
        passed: false,
        reason: '0.42 is not < 0.41',
      },
    ],
  })
})

test('better means lower for a loss, higher for an AUC, and equal is not better', () => {
  expect(said({ auc: { betterThan: 'champion' } })).toEqual([true, '0.7 is > 0.69'])
  expect(said({ logLoss: { betterThan: 'baseline' } })).toEqual([true, '0.42 is < 0.45'])
  const twin = { metrics: champion, champion }
  expect(said({ auc: { betterThan: 'champion' } }, twin)).toEqual([false, '0.69 is not > 0.69'])
  expect(said({ auc: { notWorseThan: 'champion' } }, twin)).toEqual([true, '0.69 is ≥ 0.69'])
})

test('the margin is slack for "not worse" and a demand for "better"', () => {
  expect(said({ logLoss: { notWorseThan: 'champion' } })[0]).toBe(false)
  expect(said({ logLoss: { notWorseThan: 'champion', margin: 0.01 } })[0]).toBe(true)
  expect(said({ logLoss: { notWorseThan: 'champion', margin: 0.009 } })[0]).toBe(false)
  expect(said({ logLoss: { betterThan: 'baseline', margin: 0.04 } })[0]).toBe(false)
  expect(said({ auc: { betterThan: 'baseline', margin: 0.04 } })[0]).toBe(true)
})

test('the first model has no champion to beat, but a baseline it must have', () => {
  const first = { metrics }
  expect(said({ logLoss: { notWorseThan: 'champion' } }, first)).toEqual([
    true,
    'there is no champion yet',
  ])
  expect(said({ logLoss: { betterThan: 'baseline' } }, first)).toEqual([
    false,
    'there is no baseline to compare with',
  ])
})

test('a rival without the metric fails the comparison', () => {
  const silent = { metrics, champion: { auc: null } }
  expect(said({ auc: { betterThan: 'champion' } }, silent)).toEqual([
    false,
    'the champion has no auc',
  ])
})

test('calibration is judged by its size', () => {
  expect(said({ calibration: { atMost: 0.02 } })).toEqual([false, '0.03 is not ≤ 0.02'])
  expect(said({ calibration: { betterThan: 'champion' } }, calibrated(0.04))[0]).toBe(true)
  expect(said({ calibration: { betterThan: 'champion' } }, calibrated(-0.02))[0]).toBe(false)
})

test('of a metric of the user’s own the rule must say which way is better', () => {
  const profit = { metrics: { profit: 5 }, champion: { profit: 4 } }
  expect(said({ profit: { betterThan: 'champion' } }, profit)).toEqual([
    false,
    'the rule must say whether profit is better higher or lower',
  ])
  expect(said({ profit: { betterThan: 'champion', better: 'higher' } }, profit)[0]).toBe(true)
})

test('with confidence, the unfavourable end of the difference decides', () => {
  const better = { logLoss: { betterThan: 'champion', confident: true } } as const
  expect(said(better, near(-0.012, 0.002))).toEqual([
    false,
    "0.412 is not < 0.41 (the champion's 0.41, and a difference of -0.005, 95 % between -0.012 and 0.002, at its worse end)",
  ])
  expect(said(better, near(-0.008, -0.002))).toEqual([
    true,
    expect.stringMatching(/^0\.408 is < 0\.41 \(/),
  ])
  const noWorse = {
    logLoss: { notWorseThan: 'champion', margin: 0.003, confident: true },
  } as const
  expect(said(noWorse, near(-0.012, 0.002))[0]).toBe(true)
  expect(said(better)).toEqual([false, 'there is no confidence interval of the difference'])
})

test.each([
  [0.01, true],
  [0.010_001, false],
])('not worse by 0.01 with confidence: a worse end of %d passes: %s', (upper, passed) => {
  const rules = { logLoss: { notWorseThan: 'champion', margin: 0.01, confident: true } } as const
  expect(said(rules, near(-0.002, upper))[0]).toBe(passed)
  const broken = near(Number.NaN, upper)
  expect(said(rules, broken)).toEqual([false, 'there is no confidence interval of the difference'])
})

test('accuracy is judged as decimals are written: 90 of 100 are 0.9', () => {
  const rules = { accuracy: { atLeast: 0.9 } }
  expect(judge({ metrics: { accuracy: 90 / 100 } }, rules).passed).toBe(true)
  expect(judge({ metrics: { accuracy: 8999 / 10_000 } }, rules).passed).toBe(false)
})

const learned = (auc: number | null, then: number | null) => ({
  metrics: { auc },
  learned: { auc: then },
})

test.each([
  [0.7, 0.75, true],
  [0.7, 0.7501, false],
  [0.8, 0.7, true],
])('an AUC of %d after %d on the rows it learned from passes: %s', (auc, then, passed) => {
  expect(judge(learned(auc, then), { auc: { gapAtMost: 0.05 } }).passed).toBe(passed)
})

test('a gap says both its numbers, and fails without one of them', () => {
  const rules = { auc: { gapAtMost: 0.05 } }
  expect(said(rules, learned(0.7, 0.8))).toEqual([
    false,
    '0.1 is not ≤ 0.05 (0.8 on the rows it learned from, 0.7 on these)',
  ])
  expect(said(rules, learned(null, 0.8))).toEqual([false, 'the metric is missing'])
  expect(said(rules, learned(Number.NaN, 0.8))).toEqual([false, 'the metric is NaN'])
  expect(said(rules)).toEqual([false, 'the metric on the rows it learned from is missing'])
  const loss = { metrics: { logLoss: 0.5 }, learned: { logLoss: 0.3 } }
  expect(said({ logLoss: { gapAtMost: 0.19 } }, loss)[0]).toBe(false)
  expect(said({ logLoss: { gapAtMost: 0.2 } }, loss)[0]).toBe(true)
})

test('a disparity names the two groups, and fails where there are no two', () => {
  const rules = { disparity: { by: 'sex', below: 0.05 } }
  const counted = { by: 'sex', minRows: 500, judged: 3, tooSmall: 1 }
  const gap = { value: 0.06, high: 'f', low: 'm' }
  const wide = { metrics: { disparity: 0.06 }, groups: { disparity: { ...counted, gap } } }
  expect(said(rules, wide)).toEqual([
    false,
    '0.06 is not < 0.05 between sex = f and sex = m, of 3 groups (1 of fewer than 500 rows not judged)',
  ])
  const none = { disparity: { ...counted, judged: 1, gap: null } }
  expect(said(rules, { metrics: { disparity: null }, groups: none })).toEqual([
    false,
    'the metric is missing among 1 group (1 of fewer than 500 rows not judged)',
  ])
})

test('a rule about slices fails where none had enough rows, and where they were cut another way', () => {
  const rules = { auc: { worstSlice: { by: 'origin', atLeast: 0.6 } } }
  const nothing = [false, 'no slice by origin has 500 rows']
  expect(said(rules)).toEqual(nothing)
  expect(said(rules, { metrics, slices: [byOrigin({})] })).toEqual(nothing)
  const others = [
    { ...byOrigin({ ATL: 0.7 }), by: 'destination' },
    { ...byOrigin({ ATL: 0.7 }), minRows: 100 },
  ]
  expect(said(rules, { metrics, slices: others })).toEqual(nothing)
})

test('the worst slice decides, and is named', () => {
  const aucs = { ORD: 0.72, ATL: 0.61, LAX: 0.66 }
  const strict = judge({ metrics, slices: [byOrigin(aucs)] }, sliced(0.65))
  expect(strict.passed).toBe(false)
  expect(strict.checks[1]).toEqual({
    metric: 'auc',
    slice: 'origin = ATL',
    slices: { judged: 3, tooSmall: 2 },
    rule: '≥ 0.65',
    value: 0.61,
    bound: 0.65,
    passed: false,
    reason:
      '0.61 is not ≥ 0.65 for origin = ATL, the worst of 3 slices (2 of fewer than 500 rows not judged)',
  })
  const mild = judge({ metrics, slices: [byOrigin(aucs)] }, sliced(0.6))
  expect(mild.passed).toBe(true)
  expect(mild.checks[1]).toMatchObject({ slice: 'origin = ATL', passed: true })
  const torn = judge({ metrics, slices: [byOrigin({ ...aucs, XNA: null })] }, sliced(0.6))
  expect(torn.checks[1]).toMatchObject({
    slice: 'origin = XNA',
    reason: expect.stringMatching(/^the metric is missing for origin = XNA, the worst of 4 slices/),
  })
})

test.each([
  [0.65, true],
  [0.6499, false],
])('a worst slice of %d passes a bound of 0.65: %s', (auc, passed) => {
  const verdict = judge({ metrics, slices: [byOrigin({ ORD: 0.72, ATL: auc })] }, sliced(0.65))
  expect(verdict).toMatchObject({ passed, checks: [{}, { slice: 'origin = ATL', passed }] })
})

const cutTwice = (atLeast: number): GateRules => ({
  auc: {
    worstSlice: [
      { by: 'origin', atLeast },
      { by: 'plan', minRows: 100, atLeast },
    ],
  },
})

test('every way to cut has its worst slice, and all of them must hold', () => {
  const byPlan: SlicedEvidence = {
    ...byOrigin({ free: 0.61, firm: 0.7 }),
    by: 'plan',
    minRows: 100,
  }
  const slices = [byOrigin({ ATL: 0.65 }), byPlan]
  expect(judge({ metrics, slices }, cutTwice(0.62))).toMatchObject({
    passed: false,
    checks: [
      { slice: 'origin = ATL', passed: true },
      { slice: 'plan = free', passed: false },
    ],
  })
  expect(judge({ metrics, slices }, cutTwice(0.61)).passed).toBe(true)
})

test('a check has the interval of its value, the slice that decided its own', () => {
  const whole = { lower: 0.68, upper: 0.72 }
  const ofSlice = { lower: 0.55, upper: 0.75 }
  const { checks } = judge(
    {
      metrics,
      intervals: { auc: whole },
      slices: [
        {
          ...byOrigin({}),
          judged: [
            { slice: 'ATL', metrics: { auc: 0.65 }, intervals: { auc: ofSlice } },
            { slice: 'ORD', metrics: { auc: 0.72 }, intervals: { auc: whole } },
          ],
        },
      ],
      learned: { auc: 0.71 },
    },
    { auc: { gapAtMost: 0.05, ...sliced(0.6).auc }, recall: { atLeast: 0.5 } },
  )
  expect(checks.map(({ interval }) => interval)).toEqual([whole, undefined, ofSlice, undefined])
})

test('equal rules have equal digests, whatever their order', () => {
  const one = gateDigest({ auc: { atLeast: 0.6, below: 1 }, f1: { above: 0 } })
  expect(gateDigest({ f1: { above: 0 }, auc: { below: 1, atLeast: 0.6 } })).toBe(one)
  expect(gateDigest({ f1: { above: 0 }, auc: { below: 1, atLeast: 0.61 } })).not.toBe(one)
})
