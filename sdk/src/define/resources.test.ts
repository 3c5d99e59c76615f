import { expect, test } from 'vitest'
import { DEFINITION } from './definition.ts'
import { pipeline } from './pipeline.ts'
import { python } from './python.ts'
import { resourcesSpec } from './resources.ts'
import { step, type StepOptions } from './step.ts'

test.each([
  ['512 MiB', 536_870_912],
  ['512Mi', 536_870_912],
  ['2Gi', 2_147_483_648],
  ['1.5 GiB', 1_610_612_736],
  ['64 Ki', 65_536],
  [1_000_000, 1_000_000],
] as const)('%s are so many bytes', (memory, memoryBytes) => {
  expect(resourcesSpec('resources', { memory })).toEqual({ memoryBytes })
})

function stepOf(options: StepOptions, threads?: number) {
  const program = python('fit.py', threads === undefined ? {} : { threads })
  const train = pipeline('train', {}, () => void step('fit', program, options)({}))
  return train[DEFINITION].spec.steps[0]
}

test('a script may take as many threads as its step has cores, unless it names them', () => {
  expect(stepOf({})).toMatchObject({ threads: 1 })
  expect(stepOf({ resources: { memory: '1Gi' } })).toMatchObject({ threads: 1 })
  const resources = { cpu: 2 }
  expect(stepOf({ resources })).toMatchObject({ threads: 'cpu', resources })
  expect(stepOf({ resources }, 1)).toMatchObject({ threads: 1, resources })
})
