import { expect, test } from 'vitest'
import { createAdmission } from './admission.ts'

const GIB = 2 ** 30
const machine = { cores: 2, memoryBytes: 4 * GIB, gpus: ['0', '1'] }

test.each([
  [{ cpu: 2.5 }, 'fit.cpu', 'fit.cpu: asked for 2.5 cores, and this machine has 2', 2.5, 2],
  [
    { memoryBytes: 8 * GIB },
    'fit.memory',
    'fit.memory: asked for 8.0 GiB, and this machine has 4.0 GiB',
    8 * GIB,
    4 * GIB,
  ],
  [{ gpu: 3 }, 'fit.gpu', 'fit.gpu: asked for 3 devices, and this machine has 2', 3, 2],
] as const)('what the machine has not is refused: %o', (asked, field, message, more, available) => {
  expect(() => createAdmission(machine).check('fit', asked)).toThrow(
    expect.objectContaining({
      code: 'INVALID_ARGUMENT',
      message,
      details: { field, asked: more, available },
    }),
  )
})

test('all of the machine may be asked for, or nothing', () => {
  const { check } = createAdmission(machine)
  expect(() => check('fit', { cpu: 2, memoryBytes: 4 * GIB, gpu: 2 })).not.toThrow()
  expect(() => check('fit', {})).not.toThrow()
})

test('what others have is not given, whichever of the resources it is, until they give it back', () => {
  const { take } = createAdmission(machine)
  const first = take({ cpu: 1.5, memoryBytes: 3 * GIB, gpu: 1 })
  expect(first?.gpus).toEqual(['0'])
  expect(take({ cpu: 1 })).toBeUndefined()
  expect(take({ memoryBytes: 2 * GIB })).toBeUndefined()
  expect(take({ gpu: 2 })).toBeUndefined()
  expect(take({ cpu: 0.5, memoryBytes: GIB, gpu: 1 })?.gpus).toEqual(['1'])
  expect(take({})?.gpus).toEqual([])
  first?.giveBack()
  expect(take({ cpu: 1.5, memoryBytes: 3 * GIB, gpu: 1 })?.gpus).toEqual(['0'])
})

test('ten tenths of a core are a core, however often they were taken', () => {
  const { take } = createAdmission({ ...machine, cores: 1 })
  for (let round = 0; round < 100; round++) {
    const shares = Array.from({ length: 10 }, () => take({ cpu: 0.1 }))
    expect(shares).not.toContain(undefined)
    expect(take({ cpu: 0.1 })).toBeUndefined()
    for (const share of shares) share?.giveBack()
  }
})
