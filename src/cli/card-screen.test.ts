import type { Approval, ModelCard } from '@gyre/sdk/wire/model'
import { expect, test } from 'vitest'
import { describeCard } from './card-screen.ts'

const BOB: Approval = {
  actor: 'bob',
  decision: 'approved',
  note: 'as agreed',
  gates: [],
  at: '2001-02-02T00:00:00.000Z',
}

const CARD: ModelCard = {
  version: {
    name: 'churn',
    version: '2',
    ref: 'model:churn@2',
    digest: `sha256:${'a'.repeat(64)}`,
    source: null,
    stage: 'staging',
    aliases: ['champion'],
    approvals: [BOB],
    metrics: {},
    runId: 'run_1',
    modelId: null,
    runLink: '',
    description: 'with more trees',
    createdAt: '2001-02-01T00:00:00.000Z',
    createdBy: 'ada',
    updatedAt: '2001-02-01T00:00:00.000Z',
    tags: {},
  },
  description: 'who leaves',
  tags: {},
  signature: {
    inputs: [
      { type: 'double', name: 'visits', required: true },
      { type: 'tensor', 'tensor-spec': { dtype: 'float64', shape: [-1, 4] } },
      7,
    ],
    outputs: [],
    params: null,
  },
  params: { trees: '100', options: { depth: 3 } },
  data: [{ ref: 'dataset:visits@1', kind: 'dataset', digest: null, label: null }],
  approval: BOB,
  standing: [BOB],
  verdict: null,
  metrics: { auc: 0.81 },
}

test('a card is told in a screen, with its columns', () => {
  expect(describeCard(CARD).split('\n')).toEqual([
    'version      model:churn@2, created 2001-02-01T00:00:00.000Z by ada',
    'stage        staging',
    'aliases      champion',
    'about        who leaves; with more trees',
    'trained on   dataset:visits@1',
    'run          run_1',
    'approved by  bob at 2001-02-02T00:00:00.000Z: as agreed',
    'gate         none',
    'takes        visits: double, float64[-1,4], ?',
    'gives        nothing',
    '',
    'metric   value',
    'auc     0.8100',
    '',
    'parameter  value',
    'trees      100',
    'options    {"depth":3}',
  ])
})

test('of what nobody told there is a word', () => {
  const bare: ModelCard = {
    ...CARD,
    version: { ...CARD.version, aliases: [], approvals: [] },
    signature: null,
    data: [],
    approval: null,
    standing: [],
    metrics: {},
    params: {},
  }
  const said = describeCard(bare)
  for (const line of ['trained on   unknown', 'approved by  nobody', 'takes        unknown'])
    expect(said).toContain(line)
  expect(said).not.toContain('metric')
  expect(said).not.toContain('aliases')
})
