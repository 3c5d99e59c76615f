import type { ParamSpec, PipelineSpec } from '@gyre/sdk/wire/pipeline'
import type { JsonValue } from '@gyre/sdk/wire/ref'
import { expect, test } from 'vitest'
import { bindParams } from './params.ts'

function pipelineWith(params: Record<string, ParamSpec>): PipelineSpec {
  return { name: 'train', params, steps: [] }
}

const REFUSED: readonly [ParamSpec['type'], JsonValue][] = [
  ['day', '2001-13-01'],
  ['day', '2001-02-30'],
  ['day', '1'],
  ['day', 'tomorrow'],
  ['day', '2001-02-01T00:00:00'],
  ['day', 986_000_000_000],
  ['int', 1.5],
  ['int', '7'],
  ['int', 2 ** 53],
  ['number', '1.5'],
  ['number', true],
  ['duration', '7 days'],
  ['duration', -1],
  ['text', 7],
  ['text', ['a']],
  ['boolean', 'true'],
  ['boolean', 0],
]

test.each(REFUSED)('a parameter of type %s refuses %j and names itself', (type, value) => {
  expect(() => bindParams(pipelineWith({ p: { type } }), { p: value })).toThrow(
    expect.objectContaining({
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(/^params\.p: expected .+, got /),
      details: { field: 'params.p', expected: type },
    }),
  )
})

const BOUND: readonly [ParamSpec['type'], JsonValue, JsonValue][] = [
  ['day', '2001-02-01', '2001-02-01T00:00:00.000Z'],
  ['day', '2001-02-01T06:30:00Z', '2001-02-01T06:30:00.000Z'],
  ['day', '2001-02-01T00:00:00+02:00', '2001-01-31T22:00:00.000Z'],
  ['int', -3, -3],
  ['number', 0.1, 0.1],
  ['duration', '28d', '28d'],
  ['text', '', ''],
  ['boolean', false, false],
]

test.each(BOUND)('a parameter of type %s takes %j', (type, value, bound) => {
  expect(bindParams(pipelineWith({ p: { type } }), { p: value })).toEqual({ p: bound })
})

test('an unknown parameter is refused with the names there are', () => {
  const spec = pipelineWith({ until: { type: 'day' }, seed: { type: 'int', default: 7 } })
  expect(() => bindParams(spec, { untill: '2001-02-01' })).toThrow(
    'params.untill: pipeline train has no such parameter; it has until, seed',
  )
})

test('a parameter without a default must be given, whatever objects inherit', () => {
  expect(() => bindParams(pipelineWith({ until: { type: 'day' } }), {})).toThrow(
    'params.until: expected a day',
  )
  const inherited: ParamSpec = { type: 'text' }
  expect(() => bindParams(pipelineWith(Object.fromEntries([['valueOf', inherited]])), {})).toThrow(
    'params.valueOf: expected a text, got nothing',
  )
})

test('a default stands in for what is not given, and is checked as if it were', () => {
  const spec = pipelineWith({ seed: { type: 'int', default: 7 } })
  expect(bindParams(spec, {})).toEqual({ seed: 7 })
  expect(bindParams(spec, { seed: null })).toEqual({ seed: 7 })
  expect(bindParams(spec, { seed: 0 })).toEqual({ seed: 0 })
  const wrong = pipelineWith({ seed: { type: 'int', default: 'seven' } })
  expect(() => bindParams(wrong, {})).toThrow('params.seed')
})
