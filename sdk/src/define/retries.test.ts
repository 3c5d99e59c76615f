import { expect, test } from 'vitest'
import { StepSpec } from '../wire/pipeline.ts'
import { Retries } from '../wire/retries.ts'
import { retriesSpec, type RetryOptions } from './retries.ts'

test.each([
  [3, 3],
  [{ max: 3 }, { max: 3 }],
  [
    { max: 3, backoff: '10s' },
    { max: 3, backoff: { first: '10s', factor: 1, max: '10s', jitter: 0 } },
  ],
  [
    { max: 3, backoff: { first: '10s' }, on: ['TIMEOUT', { exitCode: 75 }] },
    {
      max: 3,
      backoff: { first: '10s', factor: 2, max: '1h', jitter: 0 },
      on: ['TIMEOUT', { exitCode: 75 }],
    },
  ],
] as const)('%j is said in full', (given, said) => {
  expect(retriesSpec('retries', given)).toEqual(said)
  expect(Retries.parse(said)).toEqual(said)
})

const wrong: readonly [RetryOptions, field: string, says: string][] = [
  [{ max: 11 }, 'fit.retries.max', '0 to 10'],
  [{ max: 1, backoff: '0' }, 'fit.retries.backoff', 'above 0'],
  [{ max: 1, backoff: { first: '0' } }, 'fit.retries.backoff.first', 'above 0'],
  [{ max: 1, backoff: { first: '1s', max: '0' } }, 'fit.retries.backoff.max', 'above 0'],
  [{ max: 1, backoff: { first: '1s', factor: 0.5 } }, 'fit.retries.backoff.factor', '1 to 10'],
  [{ max: 1, backoff: { first: '1s', jitter: 2 } }, 'fit.retries.backoff.jitter', '0 to 1'],
  [{ max: 1, on: [] }, 'fit.retries.on', 'at least one'],
  [{ max: 1, on: ['TIMEOUT', ''] }, 'fit.retries.on[1]', 'a code'],
  [{ max: 1, on: [{ exitCode: 0 }] }, 'fit.retries.on[0].exitCode', '1 to 255'],
  [{ max: 1, on: [{ exitCode: 1.5 }] }, 'fit.retries.on[0]', 'an exit code'],
  [{ max: 1, on: [{ signal: '9' }] }, 'fit.retries.on[0].signal', 'SIGKILL'],
  [{ max: 1, on: [{ message: '' }] }, 'fit.retries.on[0]', 'a text in it'],
]

test.each(wrong)('%j is refused', (given, field, says) => {
  expect(() => retriesSpec('fit.retries', given)).toThrow(
    expect.objectContaining({ field, message: expect.stringContaining(says) }),
  )
})

test('a manifest of before, with a number, is one still', () => {
  const step = { name: 'fit', inputs: {}, kind: 'module', chunk: 'a.js', digest: 'd', export: 'f' }
  expect(StepSpec.parse({ ...step, retries: 3, timeout: '1h' })).toMatchObject({ retries: 3 })
})
