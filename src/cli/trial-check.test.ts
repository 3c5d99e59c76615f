import type { Manifest } from '@gyre/sdk/wire/manifest'
import type { SearchSpace } from '@gyre/sdk/wire/study'
import { expect, test } from 'vitest'
import { assertTrials, type TrialPlan } from './trial-check.ts'

const MANIFEST: Manifest = {
  protocol: 1,
  name: 'churn',
  card: null,
  datasets: [],
  views: [],
  transforms: [],
  pipelines: [
    {
      name: 'train',
      params: {
        until: { type: 'day' },
        lr: { type: 'number', default: 0.1 },
        depth: { type: 'int', default: 3 },
        kind: { type: 'text', default: 'tree' },
        leaves: { type: 'int' },
      },
      steps: [
        {
          kind: 'module',
          name: 'fit',
          inputs: {},
          chunk: 'fit.js',
          digest: 'sha256:0',
          export: 'fit',
          retries: 0,
          timeout: '1h',
        },
        {
          kind: 'gate',
          name: 'good-enough',
          inputs: {},
          rules: { auc: { atLeast: 0.6 }, latencyP95Ms: { below: 100 } },
        },
        { kind: 'register', name: 'register-churn', inputs: {}, model: 'churn' },
      ],
    },
  ],
  endpoints: [],
  monitors: [],
  triggers: [],
}

const PLAN: TrialPlan = {
  pipeline: 'train',
  step: 'fit',
  metric: 'auc',
  over: { lr: { kind: 'float', low: 0, high: 1 }, depth: { kind: 'int', low: 1, high: 9 } },
  fixed: { until: '2026-02-01', leaves: 7 },
}

const over = (space: SearchSpace): Partial<TrialPlan> => ({ over: space })

const refused: readonly [string, Partial<TrialPlan>, string][] = [
  [
    'a pipeline that is not there',
    { pipeline: 'tran' },
    'pipeline: expected one of train, got tran',
  ],
  [
    'a step that is not there',
    { step: 'fitt' },
    '--metric: pipeline train has no step fitt; it has fit, good-enough, register-churn',
  ],
  [
    'a metric that a gate does not log',
    { step: 'good-enough', metric: 'rmse' },
    '--metric: step good-enough logs no rmse; it logs n, positiveRate, meanScore, auc,',
  ],
  [
    'a metric that a gate logs only where it is asked',
    { step: 'good-enough', metric: 'disparity' },
    '--metric: step good-enough logs no disparity',
  ],
  [
    'a metric of a step that logs none',
    { step: 'register-churn' },
    '--metric: step register-churn logs no auc; it logs nothing',
  ],
  [
    'a parameter that the pipeline has not',
    over({ rate: { kind: 'float', low: 0, high: 1 } }),
    '--over: rate is no parameter of pipeline train; it has until, lr, depth, kind, leaves',
  ],
  [
    'a float for an integer',
    over({ depth: { kind: 'float', low: 0, high: 3 } }),
    '--over: params.depth: expected an integer, got 0.95',
  ],
  [
    'steps between integers',
    over({ depth: { kind: 'float', low: 0, high: 3, step: 0.5 } }),
    '--over: params.depth: expected an integer, got 0.5',
  ],
  [
    'a choice of another type',
    over({ kind: { kind: 'choice', of: ['tree', 3] } }),
    '--over: params.kind: expected a text, got 3',
  ],
  [
    'a parameter both fixed and searched',
    { fixed: { ...PLAN.fixed, lr: 0.1 } },
    '--param: lr is searched by --over',
  ],
  [
    'a parameter that nobody gives',
    { fixed: { leaves: 7 } },
    '--param: params.until: expected a day',
  ],
  [
    'a parameter that some trials leave out, and that has no default',
    {
      fixed: { until: '2026-02-01' },
      over: {
        kind: { kind: 'choice', of: ['tree', 'net'] },
        leaves: { kind: 'int', low: 7, high: 31, when: { param: 'kind', is: ['tree'] } },
      },
    },
    '--param: params.leaves: expected an integer, got nothing',
  ],
  [
    'a fixed parameter of another type',
    { fixed: { until: 'soon', leaves: 7 } },
    '--param: params.until: expected a day like',
  ],
]

test.each(refused)('%s is refused by the name of its option', (_title, change, message) => {
  expect(() => assertTrials(MANIFEST, { ...PLAN, ...change })).toThrow(
    expect.objectContaining({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining(message),
      details: expect.objectContaining({ field: expect.any(String) }),
    }),
  )
})

const gated = { step: 'good-enough' } as const

test.each<Partial<TrialPlan>>([
  {},
  { metric: 'anything of my own' },
  { ...gated, metric: 'logLoss' },
  { ...gated, metric: 'sizeBytes' },
  { ...gated, metric: 'latencyP50Ms' },
  over({
    kind: { kind: 'choice', of: ['tree', 'net'] },
    depth: { kind: 'float', low: 1, high: 9, step: 2, when: { param: 'kind', is: ['tree'] } },
  }),
])('what the pipeline takes and its steps may log is let through: %j', (change) => {
  expect(() => assertTrials(MANIFEST, { ...PLAN, ...change })).not.toThrow()
})
