import { expect, test } from 'vitest'
import { createTurns } from './turns.ts'

test('work under one key keeps its order and never overlaps', async () => {
  const turns = createTurns()
  const said: string[] = []
  const work = (name: string) => async () => {
    said.push(`${name} begins`)
    await Promise.resolve()
    said.push(`${name} ends`)
  }
  await Promise.all([turns('a', work('one')), turns('a', work('two'))])
  expect(said).toEqual(['one begins', 'one ends', 'two begins', 'two ends'])
})

test('other keys do not wait, and a failure does not stop the next', async () => {
  const turns = createTurns()
  const never = new Promise<never>(() => undefined)
  void turns('a', () => never)
  expect(await turns('b', async () => 'b')).toBe('b')
  await expect(turns('c', async () => Promise.reject(new Error('no')))).rejects.toThrow('no')
  expect(await turns('c', async () => 'again')).toBe('again')
})
