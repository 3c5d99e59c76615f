import { expect, test } from 'vitest'
import { readManifest } from './manifest.ts'

const EMPTY = {
  protocol: 1,
  name: 'shop',
  card: null,
  datasets: [],
  views: [],
  transforms: [],
  pipelines: [],
  endpoints: [],
  monitors: [],
  triggers: [],
}
const register = {
  kind: 'register',
  name: 'register-m',
  model: 'm',
  inputs: { model: { kind: 'step', step: 'fit', path: [] } },
}
const trainedBy = (step: object, params: object = {}) => ({
  ...EMPTY,
  pipelines: [{ name: 'train', params, steps: [step] }],
})
const trigger = {
  name: 'again',
  endpoint: 'shop',
  when: [{ kind: 'schedule', every: '1d' }],
  pipeline: 'train',
  untilParam: 'until',
  params: {},
  cooldown: '0',
  release: { kind: 'immediate' },
}
const triggered = (changes: object, params: object) => ({
  ...trainedBy({ ...register, inputs: {} }, params),
  endpoints: [{ name: 'shop', model: 'm', subject: 's', input: { x: { type: 'int' } } }],
  triggers: [{ ...trigger, ...changes }],
})

const refusals: [title: string, manifest: unknown, field: string, message: string][] = [
  [
    'another protocol',
    { ...EMPTY, protocol: 2, kinds: [] },
    'protocol',
    'this Gyre reads manifest protocol 1, got 2',
  ],
  ['no manifest', 'flights', '', 'expected an object'],
  ['an unknown member', { ...EMPTY, modules: [] }, '', 'expected no member modules'],
  ['a name that is none', { ...EMPTY, name: '../x' }, 'name', 'expected a letter'],
  [
    'a step that reads from nowhere',
    trainedBy(register),
    'pipelines.train.steps.register-m.inputs.model',
    'step fit, which does not come before it',
  ],
  [
    'an unknown parameter',
    trainedBy({ ...register, inputs: { model: { kind: 'param', param: 'depth' } } }),
    'pipelines.train.steps.register-m.inputs.model',
    'no parameter depth',
  ],
  [
    'a trigger of an unknown parameter',
    triggered({ params: { x: { kind: 'literal', value: 1 } } }, { until: { type: 'day' } }),
    'triggers.again.params.x',
    'pipeline train has no x; it has until',
  ],
  [
    'a trigger whose until is no day',
    triggered({}, { until: { type: 'int' } }),
    'triggers.again.untilParam',
    'expected a day, until is int',
  ],
  [
    'a trigger that gives too little',
    triggered({}, { until: { type: 'day' }, depth: { type: 'int' } }),
    'triggers.again.params.depth',
    'wants a int',
  ],
  [
    'a trigger that gives no constant',
    triggered(
      { params: { depth: { kind: 'param', param: 'until' } } },
      { until: { type: 'day' }, depth: { type: 'int' } },
    ),
    'triggers.again.params.depth',
    'expected a constant',
  ],
]

test.each(refusals)('%s is refused by field', (_title, manifest, field, message) => {
  expect(() => readManifest(manifest)).toThrow(
    expect.objectContaining({
      code: 'INVALID_ARGUMENT',
      details: expect.objectContaining({ field }),
    }),
  )
  expect(() => readManifest(manifest)).toThrow(message)
})

test('a manifest of nothing is a manifest', () => {
  expect(readManifest(EMPTY)).toEqual(EMPTY)
})
