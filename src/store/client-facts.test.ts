import { expect, test } from 'vitest'
import { codeOfTags, environmentOfTags, seedOfParams } from './client-facts.ts'

const COMMIT = '63d9d8a2f5e9a1c5d9f0a3b1e8c7d6f5a4b3c2d1'

test('a client that says nothing is not said to have run any code', () => {
  expect(codeOfTags(new Map([['team', 'risk']]))).toBeNull()
  expect(environmentOfTags(new Map())).toEqual({})
  expect(seedOfParams({ lr: '0.1' })).toBeNull()
})

test("MLflow's own tags tell the commit and the script", () => {
  const tags = new Map([
    ['mlflow.source.git.commit', COMMIT],
    ['mlflow.source.name', 'train.py'],
    ['mlflow.source.type', 'LOCAL'],
  ])
  expect(codeOfTags(tags)).toEqual({ gitCommit: COMMIT, command: ['train.py'] })
})

test('tags of Gyre tell the rest, in the shape of a run of its own', () => {
  const tags = new Map([
    ['mlflow.source.name', 'train.py'],
    ['gyre.code.command', '["python","train.py","--depth","3"]'],
    ['gyre.code.dirty', 'true'],
    ['gyre.code.diff', 'sha256:d'],
    ['gyre.code.lockfile', 'sha256:1'],
    ['gyre.environment', '{"python":"3.11.7"}'],
  ])
  expect(codeOfTags(tags)).toEqual({
    dirty: true,
    diffDigest: 'sha256:d',
    lockfileDigest: 'sha256:1',
    command: ['python', 'train.py', '--depth', '3'],
  })
  expect(environmentOfTags(tags)).toEqual({ python: '3.11.7' })
})

test('a tag may hold anything: what is not of the shape tells nothing', () => {
  for (const text of ['', '{', '{"a":1}', '[1]', 'null']) {
    const tags = new Map([
      ['gyre.code.command', text],
      ['gyre.environment', text],
    ])
    expect([text, codeOfTags(tags), environmentOfTags(tags)]).toEqual([text, null, {}])
  }
})

test.each([
  [{ seed: '7' }, 7],
  [{ seed: '-3' }, -3],
  [{ random_state: '42' }, 42],
  [{ seed: 7 }, 7],
  [{ seed: '' }, null],
  [{ seed: '1e3' }, null],
  [{ seed: 'None' }, null],
  [{ seed: '12345678901234567890' }, null],
])('the seed in %j is %j', (params, seed) => {
  expect(seedOfParams(params)).toBe(seed)
})
