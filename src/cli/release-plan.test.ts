import { expect, test } from 'vitest'
import { planOf, StartOptions } from './release-plan.ts'

const plan = (options: object) => planOf(StartOptions.parse(options))

test('a plan that cannot be carried out is refused by its option', () => {
  const rising = '--plan: expected rising percents such as 10,50,100'
  for (const text of ['', '10,10', '50,10', '0,10', '10,101', 'ten', '10,,50'])
    expect(() => plan({ plan: text })).toThrow(rising)
  expect(() => plan({ plan: '10', canary: '10' })).toThrow('--plan: say either')
  expect(() => plan({ manual: true })).toThrow('--manual: only a release in stages is judged')
  expect(() => plan({ plan: '100', minSamples: '5' })).toThrow('--min-samples: only a release')
})

test('a shadow is no canary', () => {
  expect(() => plan({ shadow: true, plan: '10' })).toThrow('--plan: a shadow answers nobody')
  expect(() => plan({ shadow: true, manual: true })).toThrow('--manual: a shadow')
  expect(() => plan({ sample: '10' })).toThrow('--sample: only of a --shadow')
  expect(plan({ shadow: true })).toEqual({ kind: 'shadow' })
  expect(plan({ shadow: true, sample: '2.5', tolerance: '0.01' })).toEqual({
    kind: 'shadow',
    sampleBp: 250,
    tolerance: 0.01,
  })
})

test('blue-green has nothing to tune', () => {
  expect(() => plan({ blueGreen: true, plan: '10' })).toThrow('--plan: blue-green is one switch')
  expect(() => plan({ blueGreen: true, shadow: true })).toThrow('--shadow: blue-green')
  expect(plan({ blueGreen: true })).toEqual({ kind: 'blue-green' })
})

test('a bandit finds its own shares, within floor and cap', () => {
  expect(() => plan({ bandit: true, plan: '10' })).toThrow('--plan: a bandit finds')
  expect(() => plan({ floor: '5' })).toThrow('--floor: only of a --bandit')
  expect(plan({ bandit: true, floor: '10', cap: '80', horizon: '2d' })).toEqual({
    kind: 'bandit',
    floorBp: 1000,
    capBp: 8000,
    horizon: '2d',
  })
})

test('no plan is all traffic at once, and 100 need not be said', () => {
  expect(plan({})).toEqual({ kind: 'immediate' })
  expect(plan({ plan: '100' })).toEqual({ kind: 'immediate' })
  const stages = [{ weightBp: 50 }, { weightBp: 5000 }]
  expect(plan({ plan: '0.5,50,100' })).toEqual({ kind: 'canary', stages })
  expect(plan({ plan: '0.5,50' })).toEqual({ kind: 'canary', stages })
  expect(plan({ canary: '10' })).toEqual({ kind: 'canary', stages: [{ weightBp: 1000 }] })
})

test('what a stage needs goes with the plan', () => {
  const options = { plan: '10', manual: true, minSamples: '500', deadline: '7d', slow: '50' }
  expect(plan(options)).toEqual({
    kind: 'canary',
    stages: [{ weightBp: 1000 }],
    advance: 'manual',
    minSamples: 500,
    deadline: '7d',
    slowMs: 50,
  })
})
