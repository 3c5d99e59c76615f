import { expect, test } from 'vitest'
import { batchSize } from './batch-size.ts'

test('rows that take long are shared among the free workers', () => {
  expect(batchSize(20, 4, 7, 32)).toBe(5)
  expect(batchSize(1, 4, 7, 32)).toBe(1)
})

test('rows that take microseconds stay together, for a hop costs more than they do', () => {
  expect(batchSize(20, 4, 0.02, 32)).toBe(20)
  expect(batchSize(70, 4, 0.02, 32)).toBe(32)
})

test('an unmeasured model is shared', () => {
  expect(batchSize(20, 4, 0, 32)).toBe(5)
})
