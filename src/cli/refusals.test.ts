import type { Verdict } from '@gyre/sdk/wire/gate'
import type { StepRun } from '@gyre/sdk/wire/pipeline'
import { Json } from '@gyre/sdk/wire/ref'
import { expect, test } from 'vitest'
import { refusalsOf } from './refusals.ts'

const CHECK = { metric: 'auc', rule: '≥ 0.65', value: 0.61, bound: 0.65 } as const

const verdict = (passed: boolean): Verdict => ({
  gate: 'good',
  gateDigest: 'sha256:0',
  passed,
  checks: [
    { ...CHECK, passed, reason: '0.61 is not ≥ 0.65' },
    { ...CHECK, metric: 'logLoss', passed: true, reason: 'fine' },
  ],
  metrics: { candidate: {}, champion: null, baseline: null },
  rows: 10,
  champion: null,
})

function stepOf(step: string, kind: string, made: Verdict | null): StepRun {
  return {
    step,
    kind,
    state: 'succeeded',
    outputs: Json.parse(made),
    cached: false,
    cacheKey: null,
    attempt: 1,
    runId: null,
    items: null,
    resources: null,
    startedAt: null,
    endedAt: null,
    retryAt: null,
    error: null,
  }
}

test('only gates refuse, each with the checks that failed', () => {
  const steps = [
    stepOf('fit', 'module', verdict(false)),
    stepOf('fair', 'gate', verdict(true)),
    stepOf('good', 'gate', verdict(false)),
    stepOf('later', 'gate', null),
  ]
  expect(refusalsOf({ steps })).toEqual([{ gate: 'good', reasons: ['auc: 0.61 is not ≥ 0.65'] }])
})
