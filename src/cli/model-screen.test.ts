import type { Verdict } from '@gyre/sdk/wire/gate'
import type { Approval, ModelVersion } from '@gyre/sdk/wire/model'
import { expect, test } from 'vitest'
import { describeModel } from './model-screen.ts'

const VERSION: ModelVersion = {
  name: 'delay',
  version: '1',
  ref: 'model:delay@1',
  digest: `sha256:${'a'.repeat(64)}`,
  source: null,
  stage: 'none',
  aliases: [],
  approvals: [],
  metrics: {},
  runId: 'run_1',
  modelId: null,
  runLink: '',
  description: '',
  createdAt: '2001-02-01T00:00:00.000Z',
  createdBy: 'local',
  updatedAt: '2001-02-01T00:00:00.000Z',
  tags: {},
}

test.each([
  [1, 'delay: nothing in production yet; one version'],
  [2, 'delay: nothing in production yet; 2 versions'],
])('a model of %i versions and none in production is told in a line', (count, line) => {
  const versions = Array.from({ length: count }, () => VERSION)
  expect(describeModel({ name: 'delay', serving: [], production: null, versions })).toBe(line)
})

function screenOf(approvals: readonly Approval[], standing = approvals): string {
  const version = { ...VERSION, approvals: [...approvals] }
  const approval = approvals.at(-1) ?? null
  const counted = { approval, standing: [...standing] }
  const production = { version, data: [], ...counted, verdict: null, metrics: {} }
  return describeModel({ name: 'delay', serving: [], production, versions: [version] })
}

test('who rejected the version in production is not told as its approver', () => {
  const approved: Approval = {
    actor: 'ada',
    decision: 'approved',
    note: '',
    gates: [],
    at: 'Monday',
  }
  const rejected: Approval = {
    ...approved,
    actor: 'bob',
    decision: 'rejected',
    note: 'leaks',
    at: 'Tuesday',
  }
  expect(screenOf([approved, { ...approved, actor: 'bob' }])).toContain(
    '\napproved by    ada at Monday\n               bob at Monday\ngate ',
  )
  expect(screenOf([approved, rejected], [])).toContain(
    '\napproved by    nobody; rejected by bob at Tuesday: leaks\n',
  )
})

test('a metric stands with its interval, and so does the slice that came out worst', () => {
  const verdict: Verdict = {
    gate: 'good-enough',
    gateDigest: `sha256:${'b'.repeat(64)}`,
    passed: true,
    checks: [
      {
        metric: 'auc',
        slice: 'plan = free',
        rule: '≥ 0.6',
        value: 0.63,
        interval: { lower: 0.58123, upper: 0.68 },
        bound: 0.6,
        passed: true,
        reason: '',
      },
    ],
    metrics: { candidate: {}, champion: null, baseline: { auc: 0.61 } },
    intervals: { auc: { lower: 0.66, upper: 0.74 } },
    rows: 500,
    champion: null,
  }
  const metrics = { auc: 0.7, sizeBytes: 1024 }
  const production = { version: VERSION, data: [], approval: null, standing: [], verdict, metrics }
  const text = describeModel({ name: 'delay', serving: [], production, versions: [VERSION] })
  expect(text).toMatch(/\nauc +0\.7000 +0\.66 to 0\.74 +– +0\.6100\n/)
  expect(text).toMatch(/\nsizeBytes +1024 +– +– +–\n/)
  expect(text).toMatch(/\nauc +plan = free +0\.6300 +0\.5812 to 0\.68 +≥ 0\.6$/)
})
