import { EndpointSpec } from '@gyre/sdk/wire/endpoint'
import { expect, test } from 'vitest'
import { fakeClock } from '../core/clock.ts'
import { silentLog } from '../core/log.ts'
import { seededRandom } from '../core/random.ts'
import { openTempStore, type TempStore } from '../store/fixture.ts'
import type { Store } from '../store/store.ts'
import { createRoutes, type Routes } from './routes.ts'

const ctx = { project: 'default', actor: 'local', requestId: 'req_1' }
const anyone = { subject: '1', asked: undefined }
const stableOnly = { stable: 'model:delay@1', previous: null, canary: null }
const canary = { model: 'model:delay@2', weightBp: 9999, salt: 's', releaseId: 'rel_1' }

function spec(name: string) {
  return EndpointSpec.parse({
    name,
    model: 'delay',
    subject: 'flight',
    input: { distance: { type: 'number' } },
  })
}

async function open(store: Store): Promise<Routes> {
  return createRoutes({
    catalog: store.catalog,
    events: store.events,
    clock: fakeClock(),
    random: seededRandom(1),
    log: silentLog,
  })
}

interface Opened extends AsyncDisposable {
  readonly store: TempStore
  readonly routes: Routes
}

async function openAll(): Promise<Opened> {
  const store = await openTempStore()
  const routes = await open(store)
  return {
    store,
    routes,
    async [Symbol.asyncDispose]() {
      await routes.close()
      await store[Symbol.asyncDispose]()
    },
  }
}

async function declare({ store, routes }: Opened, name: string) {
  await store.catalog.write((tx) => routes.declare(tx, ctx, spec(name), 'code:flights@1'))
  await routes.refresh()
}

test('an unknown endpoint is NOT_FOUND and the known ones are named', async () => {
  await using opened = await openAll()
  expect(() => opened.routes.pick('default', 'nope', anyone)).toThrow('no endpoint is declared')
  await declare(opened, 'delay')
  await declare(opened, 'cancel')
  expect(() => opened.routes.find('default', 'nope')).toThrow(
    'no such endpoint nope; known endpoints: cancel, delay',
  )
  expect(() => opened.routes.find('other', 'delay')).toThrow('no endpoint is declared')
  await expect(opened.routes.get(ctx, 'nope')).rejects.toMatchObject({ code: 'NOT_FOUND' })
})

test('of two moves from the same revision one wins, the other is a CONFLICT and leaves no event', async () => {
  await using opened = await openAll()
  const { store, routes } = opened
  await declare(opened, 'delay')
  const move = () => store.catalog.write((tx) => routes.write(tx, ctx, 'delay', 0, stableOnly))
  const results = await Promise.allSettled([move(), move()])
  expect(results.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
  expect(results.find(({ status }) => status === 'rejected')).toMatchObject({
    reason: { code: 'CONFLICT' },
  })
  expect(await store.events.since(0, 10, { types: ['route.moved'] })).toHaveLength(1)
  expect(await routes.get(ctx, 'delay')).toEqual({ endpoint: 'delay', rev: 1, ...stableOnly })
})

test('a move that is undone moves neither the row nor memory', async () => {
  await using opened = await openAll()
  const { store, routes } = opened
  await declare(opened, 'delay')
  const undone = store.catalog.write(async (tx) => {
    await routes.write(tx, ctx, 'delay', 0, stableOnly)
    throw new Error('something after it failed')
  })
  await expect(undone).rejects.toThrow('something after it failed')
  await routes.refresh()
  expect(() => routes.pick('default', 'delay', anyone)).toThrow('no released model yet')
})

test('declaring again changes the declaration and leaves traffic alone', async () => {
  await using opened = await openAll()
  const { store, routes } = opened
  await declare(opened, 'delay')
  await store.catalog.write((tx) => routes.write(tx, ctx, 'delay', 0, stableOnly))
  const changed = { ...spec('delay'), threshold: 0.2 }
  await store.catalog.write((tx) => routes.declare(tx, ctx, changed, 'code:flights@2'))
  await routes.refresh()
  expect(routes.find('default', 'delay')).toMatchObject({
    spec: { threshold: 0.2 },
    code: 'code:flights@2',
    state: { rev: 1, stable: 'model:delay@1' },
  })
})

test('a move by another writer on the same store is seen without being asked for', async () => {
  await using opened = await openAll()
  const { store, routes } = opened
  await declare(opened, 'delay')
  const other = await open(store)
  const seen = other.changed()
  await store.catalog.write((tx) => routes.write(tx, ctx, 'delay', 0, stableOnly))
  await seen
  expect(other.pick('default', 'delay', anyone)).toMatchObject({ model: 'model:delay@1', rev: 1 })
  await other.close()
})

test('traffic returns to stable in memory at once, until the row moves', async () => {
  await using opened = await openAll()
  const { store, routes } = opened
  await declare(opened, 'delay')
  const picked = () => routes.pick('default', 'delay', anyone).variant
  await store.catalog.write((tx) => routes.write(tx, ctx, 'delay', 0, { ...stableOnly, canary }))
  await routes.refresh()
  expect(picked()).toBe('canary')
  routes.returnToStable('default', 'delay')
  expect(picked()).toBe('stable')
  await store.catalog.write((tx) => routes.write(tx, ctx, 'delay', 1, { ...stableOnly, canary }))
  await routes.refresh()
  expect(picked()).toBe('canary')
})

test('close ends the following and wakes who waits', async () => {
  await using opened = await openAll()
  const { routes } = opened
  const waiting = routes.changed()
  await routes.close()
  await expect(waiting).resolves.toBeUndefined()
})
