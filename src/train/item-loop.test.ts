import { setImmediate as nextTurn } from 'node:timers/promises'
import type { ItemEnd, ItemWork } from '@gyre/sdk/wire/step'
import { expect, test } from 'vitest'
import { workOnItems } from './item-loop.ts'

/** A server that has `count` items, writes down what it is told, and answers some turns later. */
function serverOf(count: number) {
  const told: (readonly ItemEnd[])[] = []
  const wanted: number[] = []
  let next = 0
  async function exchange(ended: readonly ItemEnd[], want: number): Promise<ItemWork[]> {
    told.push(ended)
    for (let turn = 0; turn < 10; turn++) await nextTurn()
    wanted.push(want)
    const items = Array.from({ length: Math.min(want, count - next) }, (_, at) => at + next)
    next += items.length
    return items.map((item) => ({ item, fence: 1, inputs: { n: item }, seed: item }))
  }
  return { exchange, told, wanted }
}

const succeeded = (item: number) => ({
  item,
  fence: 1,
  status: 'succeeded',
  outputs: item * 2,
  points: [],
})

const double = async ({ item }: ItemWork) => ({ outputs: item * 2, points: [] })

const fill = async ({ item }: ItemWork) => ({
  outputs: 'x'.repeat(item === 11 ? 262_145 : 200_000),
  points: [],
})

test('every item is done once, in its order, and short ones are told several at a time', async () => {
  const { exchange, told, wanted } = serverOf(1_000)
  await workOnItems({ exchange, perform: double })
  expect(told.flat()).toEqual(Array.from({ length: 1_000 }, (_, item) => succeeded(item)))
  // How many at a time is a matter of the machine's speed, up to a bound.
  expect(told.length).toBeLessThan(1_000)
  expect(Math.max(...wanted)).toBeGreaterThan(1)
  expect(Math.max(...wanted)).toBeLessThanOrEqual(64)
})

test('after an item that failed no other one begins, and what was done before it is told', async () => {
  const { exchange, told } = serverOf(1_000)
  const begun: number[] = []
  await workOnItems({
    exchange,
    async perform(work) {
      begun.push(work.item)
      if (work.item === 300) throw new RangeError('no 300')
      return double(work)
    },
  })
  expect(begun).toHaveLength(301)
  const all = told.flat()
  expect(all.slice(0, 300)).toEqual(Array.from({ length: 300 }, (_, item) => succeeded(item)))
  expect(all.slice(300)).toEqual([
    {
      item: 300,
      fence: 1,
      status: 'failed',
      error: { code: 'STEP_FAILED', message: expect.stringMatching(/^RangeError: no 300\n/) },
    },
  ])
})

test('an item that gives more than fits fails, naming the limit; its neighbours go in pieces', async () => {
  const { exchange, told } = serverOf(12)
  await workOnItems({ exchange, perform: fill })
  expect(told.flat().map(({ status }) => status)).toEqual([
    ...Array.from({ length: 11 }, () => 'succeeded'),
    'failed',
  ])
  expect(told.flat().at(-1)).toMatchObject({
    error: { code: 'STEP_FAILED', message: expect.stringContaining('at most 262144') },
  })
  expect(Math.max(...told.map((ended) => JSON.stringify(ended).length))).toBeLessThan(524_288)
})

test('a server that takes nothing more ends the work', async () => {
  const { exchange } = serverOf(1_000)
  let calls = 0
  const fenced = async (ended: readonly ItemEnd[], want: number) => {
    calls += 1
    if (calls === 3) throw new Error('no longer yours')
    return exchange(ended, want)
  }
  const begun: number[] = []
  const perform = async (work: ItemWork) => {
    begun.push(work.item)
    return double(work)
  }
  await expect(workOnItems({ exchange: fenced, perform })).rejects.toThrow('no longer yours')
  expect(begun.length).toBeLessThan(200)
})
