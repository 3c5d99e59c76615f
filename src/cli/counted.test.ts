import { expect, test } from 'vitest'
import { counted } from './counted.ts'

test('one is one, none and more are many', () => {
  expect([0, 1, 2].map((count) => counted(count, 'change'))).toEqual([
    '0 changes',
    '1 change',
    '2 changes',
  ])
})
