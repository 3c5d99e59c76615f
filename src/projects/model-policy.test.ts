import type { Manifest } from '@gyre/sdk/wire/manifest'
import { expect, test } from 'vitest'
import { modelPolicy } from './model-policy.ts'

const CARD = {
  task: 'late?',
  metric: 'auc',
  baseline: 'rates',
  thresholds: { auc: { atLeast: 0.6 } },
  owner: 'ada',
} as const

const manifest = (card: Manifest['card']): Manifest => ({
  protocol: 1,
  name: 'flights',
  card,
  datasets: [],
  views: [],
  transforms: [],
  pipelines: [
    {
      name: 'train',
      params: {},
      steps: [{ kind: 'register', name: 'register-delay', inputs: {}, model: 'delay' }],
    },
  ],
  endpoints: [],
  monitors: [],
  triggers: [],
})

const FREE = { gated: false, approvals: 1, among: null, fourEyes: false, forbids: [] }

test('nothing is asked of a model before there is code, or that the code does not register', () => {
  const strict = { ...CARD, approvals: 3, forbids: ['none->production' as const] }
  expect(modelPolicy(undefined, 'delay')).toEqual(FREE)
  expect(modelPolicy(manifest(strict), 'churn')).toEqual(FREE)
})

test('a model that a pipeline registers is gated, and asks what the card says', () => {
  const gated = { ...FREE, gated: true }
  expect(modelPolicy(manifest(null), 'delay')).toEqual(gated)
  expect(modelPolicy(manifest(CARD), 'delay')).toEqual(gated)
  const strict = {
    ...CARD,
    approvals: 2,
    fourEyes: true,
    forbids: ['none->production' as const, 'archived->production' as const],
  }
  expect(modelPolicy(manifest(strict), 'delay')).toEqual({
    gated: true,
    approvals: 2,
    among: null,
    fourEyes: true,
    forbids: [
      { from: 'none', to: 'production' },
      { from: 'archived', to: 'production' },
    ],
  })
})

test('a card may say among whom', () => {
  const rule = { required: 2, among: ['ada', 'bob', 'carol'] }
  expect(modelPolicy(manifest({ ...CARD, approvals: rule }), 'delay')).toMatchObject({
    approvals: 2,
    among: ['ada', 'bob', 'carol'],
  })
  expect(modelPolicy(manifest({ ...CARD, approvals: { required: 3 } }), 'delay')).toMatchObject({
    approvals: 3,
    among: null,
  })
  expect(modelPolicy(manifest({ ...CARD, approvals: rule }), 'churn')).toEqual(FREE)
})

test('four eyes are asked for whatever is approved in the project', () => {
  expect(modelPolicy(manifest({ ...CARD, fourEyes: true }), 'churn').fourEyes).toBe(true)
})
