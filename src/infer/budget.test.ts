import { expect, test } from 'vitest'
import { planEviction } from './budget.ts'

const entry = (name: string, bytes: number, lastUsedMs: number, pinned = false) => ({
  name,
  bytes,
  lastUsedMs,
  pinned,
})
const names = (plan: readonly { name: string }[] | undefined) => plan?.map(({ name }) => name)

test('the least recently used go first, and no more than needed', () => {
  const entries = [entry('new', 40, 3), entry('old', 40, 1), entry('middle', 20, 2)]
  expect(names(planEviction(entries, 0, 100))).toEqual([])
  expect(names(planEviction(entries, 10, 100))).toEqual(['old'])
  expect(names(planEviction(entries, 50, 100))).toEqual(['old', 'middle'])
})

test('pinned sessions stay, and without room there is no plan', () => {
  const entries = [entry('pinned', 60, 1, true), entry('idle', 40, 2)]
  expect(names(planEviction(entries, 40, 100))).toEqual(['idle'])
  expect(planEviction(entries, 41, 100)).toBeUndefined()
})
