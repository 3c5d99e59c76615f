import type { PipelineSpec, StepSpec, ValueSpec } from '@gyre/sdk/wire/pipeline'
import { expect, test } from 'vitest'
import { checkGraph, resolveInputs, upstreamOf } from './graph.ts'

function step(name: string, inputs: Record<string, ValueSpec> = {}): StepSpec {
  const code = { chunk: `${name}.js`, digest: 'd', export: 'default', retries: 0, timeout: '1m' }
  return { kind: 'module', name, inputs, ...code }
}

const from = (name: string, ...path: string[]): ValueSpec => ({ kind: 'step', step: name, path })

function pipelineOf(...steps: StepSpec[]): PipelineSpec {
  return { name: 'train', params: { seed: { type: 'int' } }, steps }
}

const BROKEN: readonly [string, PipelineSpec, string][] = [
  ['two steps of one name', pipelineOf(step('a'), step('a')), 'two steps are named a'],
  ['a step that reads from itself', pipelineOf(step('a', { x: from('a') })), 'reads from a'],
  [
    'a step that reads from a later one',
    pipelineOf(step('a', { x: from('b') }), step('b')),
    'input x of step a reads from b, which does not come before it',
  ],
  ['a step that reads from none', pipelineOf(step('a', { x: from('z') })), 'reads from z'],
  [
    'a parameter that nobody declared',
    pipelineOf(step('a', { x: { kind: 'param', param: 'toString' } })),
    'reads parameter toString, which is not declared',
  ],
]

test.each(BROKEN)('%s is refused', (_what, spec, message) => {
  expect(() => checkGraph(spec)).toThrow(
    expect.objectContaining({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining(message),
    }),
  )
})

test('a graph whose steps follow those they read from is taken', () => {
  const seed: ValueSpec = { kind: 'param', param: 'seed' }
  const diamond = pipelineOf(
    step('a'),
    step('b', { x: from('a'), seed }),
    step('c', { x: from('a') }),
    step('d', { x: from('b'), y: from('c'), z: from('b', 'part') }),
  )
  expect(() => checkGraph(diamond)).not.toThrow()
  expect(upstreamOf(step('d', { x: from('b'), y: from('c'), z: from('b', 'part') }))).toEqual([
    'b',
    'c',
  ])
})

test('inputs are constants, parameters, and parts of what other steps gave', () => {
  const spec = step('d', {
    constant: { kind: 'literal', value: [1, null] },
    seed: { kind: 'param', param: 'seed' },
    whole: from('a'),
    part: from('a', 'rows', 'train'),
  })
  const inputs = resolveInputs(spec, { seed: 7 }, () => ({ rows: { train: 3 } }))
  expect(inputs).toEqual({
    constant: [1, null],
    seed: 7,
    whole: { rows: { train: 3 } },
    part: 3,
  })
})

test.each([
  ['an absent member', { rows: {} }],
  ['a list', { rows: [3] }],
  ['nothing', null],
  ['an inherited member', { rows: { __proto__: { train: 3 } } }],
])('%s in the place of a step output names step and path', (_what, output) => {
  const spec = step('d', { x: from('a', 'rows', 'train') })
  expect(() => resolveInputs(spec, {}, () => output)).toThrow(
    expect.objectContaining({ code: 'STEP_FAILED', message: 'step a gave no rows.train' }),
  )
})
