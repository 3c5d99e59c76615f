import type { ModelVersion } from '@gyre/sdk/wire/model'
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
