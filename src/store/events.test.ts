import { createHash } from 'node:crypto'
import type { Event } from '@gyre/sdk/wire/event'
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { CTX, wired } from './contract/wired.ts'
import { createEvents } from './events.ts'

const MODEL = { kind: 'model', id: 'churn@7' }

async function opened() {
  const parts = await wired()
  const events = createEvents(parts)
  const append = (type: string, data = {}) =>
    parts.catalog.write((tx) => events.append(tx, CTX, { type, subject: MODEL, data }))
  return { ...parts, events, append }
}

async function appendThree(append: (type: string) => Promise<unknown>): Promise<void> {
  for (const type of ['model.registered', 'model.staged', 'model.promoted']) await append(type)
}

const types = (found: readonly Event[]) => found.map(({ type }) => type)

test('a type that is not noun.verbed, or data that is not JSON, is refused', async () => {
  const { append, events } = await opened()
  const invalid = { code: 'INVALID_ARGUMENT' }
  await expect(append('promoted')).rejects.toMatchObject(invalid)
  await expect(append('model.promoted', { score: NaN })).rejects.toMatchObject(invalid)
  expect(await events.since(0, 10)).toEqual([])
})

test('an event of a unit that fails was never there, and leaves no gap', async () => {
  const { append, events, catalog } = await opened()
  await append('model.registered')
  const failing = catalog.write(async (tx) => {
    await events.append(tx, CTX, { type: 'model.staged', subject: MODEL, data: {} })
    throw new Error('no')
  })
  await expect(failing).rejects.toThrow('no')
  await append('model.promoted')
  expect((await events.since(0, 10)).map(({ seq, type }) => [seq, type])).toEqual([
    [1, 'model.registered'],
    [2, 'model.promoted'],
  ])
})

test('the hash is SHA-256 over the hash before and the sorted members', async () => {
  const { append, events } = await opened()
  const event = await append('model.promoted', { b: 1, a: 2 })
  const zeros = '0'.repeat(64)
  const sorted = `{"actor":"local","at":"2001-01-01T00:00:00.000Z","data":{"a":2,"b":1},"id":"${event.id}","project":"default","seq":1,"subject":{"id":"churn@7","kind":"model"},"type":"model.promoted"}`
  expect(event.prevHash).toBe(zeros)
  expect(event.hash).toBe(
    createHash('sha256')
      .update(zeros + sorted)
      .digest('hex'),
  )
  expect(await events.verify()).toEqual({ ok: true, count: 1 })
})

test.each([
  ['a changed member', `UPDATE events SET actor = 'mallory' WHERE seq = 2`, 2],
  ['changed data', `UPDATE events SET data = '{"x":1}' WHERE seq = 3`, 3],
  ['data that is no JSON', `UPDATE events SET data = '{' WHERE seq = 2`, 2],
  ['an event taken out', 'DELETE FROM events WHERE seq = 2', 3],
  ['the first event taken out', 'DELETE FROM events WHERE seq = 1', 2],
  [
    'a hash made to fit',
    `UPDATE events SET type = 'a.b', hash = '${'f'.repeat(64)}' WHERE seq = 1`,
    1,
  ],
])('verify finds %s', async (_what, tamper, seq) => {
  const { append, events, catalog } = await opened()
  await appendThree(append)
  await catalog.write((tx) => sql.raw(tamper).execute(tx))
  expect(await events.verify()).toMatchObject({ ok: false, seq })
})

test('since pages by cursor and filters by type, subject and project', async () => {
  const { append, events } = await opened()
  await appendThree(append)
  expect(types(await events.since(1, 1))).toEqual(['model.staged'])
  expect(types(await events.since(0, 9, { types: ['model.promoted', 'a.b'] }))).toEqual([
    'model.promoted',
  ])
  expect(types(await events.since(0, 9, { subject: { kind: 'model', id: 'other' } }))).toEqual([])
  expect(types(await events.since(0, 9, { project: 'other' }))).toEqual([])
  expect(await events.latest({ project: 'default' })).toMatchObject({ seq: 3 })
  expect(await events.latest({ types: [] })).toBeUndefined()
})

test('wait resolves at once for what is there, and on the commit of what comes', async () => {
  const { append, events } = await opened()
  const { signal } = new AbortController()
  const coming = events.wait(0, signal)
  await append('model.registered')
  await coming
  await events.wait(0, signal)
  const next = events.wait(1, signal)
  await append('model.promoted')
  await expect(next).resolves.toBeUndefined()
})

test('wait sees an event that another writer put into the file', async () => {
  const { append, events, ...parts } = await opened()
  await append('model.registered')
  const other = createEvents(parts)
  const coming = events.wait(1, new AbortController().signal)
  await parts.catalog.write((tx) =>
    other.append(tx, CTX, { type: 'model.promoted', subject: MODEL, data: {} }),
  )
  await expect(coming).resolves.toBeUndefined()
})

test('wait ends with CANCELLED on abort', async () => {
  const { events } = await opened()
  const abort = new AbortController()
  const waiting = events.wait(0, abort.signal)
  abort.abort()
  await expect(waiting).rejects.toMatchObject({ code: 'CANCELLED' })
  await expect(events.wait(0, abort.signal)).rejects.toMatchObject({ code: 'CANCELLED' })
})
