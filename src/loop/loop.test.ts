import type { TriggerSpec } from '@gyre/sdk/wire/trigger'
import { expect, test } from 'vitest'
import { GyreError } from '../core/errors.ts'
import { ctx, ENDPOINT } from '../release/fixture.ts'
import type { Catalog } from '../store/catalog.ts'
import { after, openRing, TRIGGER, verdictOf, type Ring } from './fixture.ts'

const when = (...conditions: TriggerSpec['when']) => ({
  triggers: async () => [{ ...TRIGGER, when: conditions }],
})

const retrains = ({ loop }: Ring) => loop.retrains(ctx, ENDPOINT)
const states = async (ring: Ring) => (await retrains(ring)).map(({ state }) => state)

/** Settles while the pipeline that is started ends with a version that passed. */
async function settleWithPass(ring: Ring, days: number, files: string): Promise<string> {
  const candidate = await ring.harbour.addPassed(files)
  const started = ring.scripted.runs.length + 1
  const settled = ring.settle(days)
  await ring.seen('retrain.training', started)
  ring.scripted.end({ verdict: verdictOf(true), candidate })
  await settled
  return candidate
}

test('settling an endpoint that nobody declared is refused', async () => {
  await using ring = await openRing()
  const { signal } = new AbortController()
  await expect(ring.loop.settle(ctx, 'nowhere', after(1), signal)).rejects.toMatchObject({
    code: 'NOT_FOUND',
  })
})

test('drift leads to a pipeline up to its event time, and a pass to the canary of the plan', async () => {
  await using ring = await openRing()
  await ring.drift(9)
  const candidate = await settleWithPass(ring, 10, 'two')
  expect(ring.scripted.runs).toMatchObject([
    { pipeline: 'train', params: { window: '28d', until: after(9).toISOString() } },
  ])
  const canary = await ring.harbour.releases.findCanary(ctx, ENDPOINT)
  expect(canary).toMatchObject({
    to: candidate,
    plan: { weightBp: 2000 },
    actor: 'loop:keep-fresh',
    // What it was told to settle, though the last request came before the drift was found.
    at: after(10).toISOString(),
  })
  expect(await retrains(ring)).toMatchObject([
    {
      trigger: 'keep-fresh',
      why: { kind: 'drift', message: 'distance has moved' },
      at: after(9).toISOString(),
      state: 'released',
      candidate,
      champion: 'model:delay@1',
      verdict: { passed: true },
      release: canary?.id,
    },
  ])
})

test('a refused candidate is rejected with its reasons, and no release is opened', async () => {
  await using ring = await openRing()
  await ring.drift(9)
  const settled = ring.settle(10)
  await ring.seen('retrain.training')
  ring.scripted.end({ verdict: verdictOf(false), candidate: await ring.harbour.add('two') })
  await settled
  const reason = 'logLoss: 0.43 is not < 0.42'
  expect(await retrains(ring)).toMatchObject([{ state: 'rejected', reason }])
  expect(await ring.harbour.store.events.latest({ types: ['retrain.rejected'] })).toMatchObject({
    actor: 'loop:keep-fresh',
    data: { reason, candidate: 'model:delay@2', champion: 'model:delay@1' },
  })
  expect(await ring.harbour.releases.list(ctx, ENDPOINT)).toHaveLength(1)
})

test('a candidate that was a version before is released unless it was already', async () => {
  await using ring = await openRing()
  const [first] = await ring.harbour.releases.list(ctx, ENDPOINT)
  await ring.drift(9)
  const settled = ring.settle(10)
  await ring.seen('retrain.training')
  ring.scripted.end({ verdict: verdictOf(true), candidate: 'model:delay@1', isNew: false })
  await settled
  const reason = `nothing new: model:delay@1 has the same files, and was released as ${first?.id}`
  expect(await retrains(ring)).toMatchObject([
    { state: 'rejected', reason, candidate: 'model:delay@1', release: null },
  ])

  const candidate = await ring.harbour.addPassed('two')
  await ring.drift(30)
  const again = ring.settle(31)
  await ring.seen('retrain.training', 2)
  ring.scripted.end({ verdict: verdictOf(true), candidate, isNew: false })
  await again
  expect(await states(ring)).toEqual(['rejected', 'released'])
  expect(await ring.harbour.releases.findCanary(ctx, ENDPOINT)).toMatchObject({ to: candidate })
})

test('a pipeline that fails, or cannot be started, ends the retraining with the reason', async () => {
  await using ring = await openRing()
  const unknown = new GyreError('NOT_FOUND', 'no pipeline train')
  const pipelines = { ...ring.scripted.pipelines, start: () => Promise.reject(unknown) }
  await ring.drift(9)
  await ring.settle(10, ring.another({ pipelines }))
  expect(await retrains(ring)).toMatchObject([{ state: 'failed', reason: 'no pipeline train' }])
  await ring.drift(30)
  const settled = ring.settle(31)
  await ring.seen('retrain.training')
  ring.scripted.end({ status: 'failed', verdict: null })
  await settled
  expect(await states(ring)).toEqual(['failed', 'failed'])
})

test('an event fires once, though two loops read it and another comes after a restart', async () => {
  await using ring = await openRing()
  await ring.drift(9)
  const other = ring.another()
  const settled = [ring.settle(10), ring.settle(10, other)]
  await ring.seen('retrain.training')
  ring.scripted.end({ verdict: verdictOf(false) })
  await Promise.all(settled)
  await ring.settle(30, ring.another())
  expect(ring.scripted.runs).toHaveLength(1)
  expect(await states(ring)).toEqual(['rejected'])
})

test('killed between firing and starting, the next loop starts the pipeline', async () => {
  await using ring = await openRing()
  const dead = new GyreError('UNAVAILABLE', 'killed')
  const pipelines = { ...ring.scripted.pipelines, start: () => Promise.reject(dead) }
  await ring.drift(9)
  await expect(ring.settle(10, ring.another({ pipelines }))).rejects.toBe(dead)
  expect(await states(ring)).toEqual(['fired'])
  await settleWithPass(ring, 10, 'two')
  expect(await states(ring)).toEqual(['released'])
})

test('killed between starting and writing it down, the next loop finds the run', async () => {
  await using ring = await openRing()
  const { catalog } = ring.harbour.store
  let isDead = false
  const dying: Catalog = {
    ...catalog,
    write: (unit) =>
      isDead ? Promise.reject(new GyreError('UNAVAILABLE', 'killed')) : catalog.write(unit),
  }
  const pipelines: typeof ring.scripted.pipelines = {
    ...ring.scripted.pipelines,
    async start(...asked) {
      isDead = true
      return ring.scripted.pipelines.start(...asked)
    },
  }
  await ring.drift(9)
  const killed = ring.settle(10, ring.another({ catalog: dying, pipelines }))
  await expect(killed).rejects.toThrow('killed')
  expect(await states(ring)).toEqual(['fired'])
  expect(ring.scripted.runs).toHaveLength(1)
  const settled = ring.settle(10)
  await ring.seen('retrain.training')
  ring.scripted.end({ verdict: verdictOf(false) })
  await settled
  expect(ring.scripted.runs).toHaveLength(1)
  expect(await states(ring)).toEqual(['rejected'])
})

test('killed between opening the release and writing it down, the next loop adopts it', async () => {
  await using ring = await openRing()
  const { releases } = ring.harbour
  const dying: typeof releases = {
    ...releases,
    async open(...asked) {
      await releases.open(...asked)
      throw new GyreError('UNAVAILABLE', 'killed')
    },
  }
  const candidate = await ring.harbour.addPassed('two')
  await ring.drift(9)
  const killed = ring.settle(10, ring.another({ releases: dying }))
  await ring.seen('retrain.training')
  ring.scripted.end({ verdict: verdictOf(true), candidate })
  await expect(killed).rejects.toThrow('killed')
  expect(await states(ring)).toEqual(['waiting'])
  await ring.settle(10)
  expect(await states(ring)).toEqual(['released'])
  expect(await releases.list(ctx, ENDPOINT)).toHaveLength(2)
})

test('the cooldown counts event time', async () => {
  await using ring = await openRing()
  const refuse = async (days: number, count: number) => {
    const settled = ring.settle(days)
    await ring.seen('retrain.training', count)
    ring.scripted.end({ verdict: verdictOf(false) })
    await settled
  }
  await ring.drift(9)
  await refuse(9, 1)
  await ring.drift(22.9)
  await ring.settle(22.9)
  expect(ring.scripted.runs).toHaveLength(1)
  await ring.drift(23)
  await refuse(23, 2)
  expect(ring.scripted.runs).toHaveLength(2)
})

test('an open canary, and broken requests, are reasons to skip, and are written down', async () => {
  await using ring = await openRing()
  await ring.drift(9, { brokenInput: true })
  await ring.settle(9)
  const plan = { kind: 'canary' } as const
  const model = await ring.harbour.addPassed('two')
  await ring.harbour.releases.open(ctx, ENDPOINT, { model, plan })
  await ring.drift(10)
  await ring.settle(10)
  expect(await retrains(ring)).toMatchObject([
    { state: 'skipped', reason: 'quarantined requests are mended, not learned from' },
    { state: 'skipped', reason: 'the canary model:delay@2 is open' },
  ])
  expect(ring.scripted.runs).toEqual([])
  expect(await ring.harbour.store.events.latest({ types: ['trigger.skipped'] })).toBeDefined()
})

test('what a canary held up by time fires once the canary is gone', async () => {
  await using ring = await openRing(when({ kind: 'schedule', every: '7d' }))
  const plan = { kind: 'canary' } as const
  const model = await ring.harbour.addPassed('two')
  await ring.harbour.releases.open(ctx, ENDPOINT, { model, plan })
  await ring.settle(7)
  await ring.settle(8)
  expect(await states(ring)).toEqual(['skipped'])
  await ring.harbour.releases.rollback(ctx, ENDPOINT, 'enough')
  await settleWithPass(ring, 8, 'three')
  expect(await retrains(ring)).toMatchObject([
    {
      state: 'released',
      at: after(7).toISOString(),
      why: { kind: 'schedule' },
      reason: 'the gate passed it',
    },
  ])
})

test('enough new labels fire, and are counted from there', async () => {
  await using ring = await openRing(when({ kind: 'new-data', labels: 1000 }))
  ring.labels = 999
  await ring.settle(3)
  expect(await states(ring)).toEqual([])
  ring.labels = 1000
  const settled = ring.settle(4)
  await ring.seen('retrain.training')
  ring.scripted.end({ verdict: verdictOf(false) })
  await settled
  ring.labels = 1999
  await ring.settle(40)
  expect(await retrains(ring)).toMatchObject([{ at: after(4).toISOString(), state: 'rejected' }])
})

test('a version that waits for a person ends, in the background, when that person says no', async () => {
  await using ring = await openRing()
  const candidate = await ring.harbour.add('two')
  await ring.drift(9)
  const settled = ring.settle(10)
  await ring.seen('retrain.training')
  ring.scripted.end({ verdict: verdictOf(true), candidate })
  await settled
  expect(await states(ring)).toEqual(['waiting'])
  ring.loop.start()
  await ring.harbour.registry.approve(ctx, candidate, { decision: 'rejected', note: 'too old' })
  await ring.seen('retrain.rejected')
  expect(await retrains(ring)).toMatchObject([
    { state: 'rejected', reason: 'rejected by local: too old' },
  ])
})

test('once a person approves, the background opens the release', async () => {
  await using ring = await openRing()
  const candidate = await ring.harbour.addPassed('two')
  await ring.harbour.registry.approve(ctx, candidate, { decision: 'rejected', note: 'wait' })
  const verdict = verdictOf(true)
  ring.loop.start()
  await ring.drift(9)
  await ring.seen('retrain.training')
  await ring.harbour.registry.approve(ctx, candidate, { decision: 'approved', note: 'go' })
  ring.scripted.end({ verdict, candidate })
  await ring.harbour.store.catalog.write((tx) =>
    ring.harbour.store.events.append(tx, ctx, {
      type: 'run.finished',
      subject: { kind: 'run', id: 'run_1' },
      data: {},
    }),
  )
  await ring.seen('retrain.released')
  expect(await ring.harbour.releases.findCanary(ctx, ENDPOINT)).toMatchObject({ to: candidate })
})

test('an event time in the future is refused, since it would close every window', async () => {
  await using ring = await openRing()
  const future = ring.loop.settle(
    ctx,
    ENDPOINT,
    new Date('2001-07-03'),
    new AbortController().signal,
  )
  await expect(future).rejects.toThrow(
    'at: 2001-07-03T00:00:00.000Z lies more than a day in the future',
  )
})

test('settling can be cancelled, and goes on afterwards', async () => {
  await using ring = await openRing()
  await ring.drift(9)
  const patience = new AbortController()
  const settled = ring.loop.settle(ctx, ENDPOINT, after(10), patience.signal)
  await ring.seen('retrain.training')
  patience.abort()
  await expect(settled).rejects.toMatchObject({ code: 'CANCELLED' })
  const again = ring.settle(10)
  ring.scripted.end({ verdict: verdictOf(false) })
  await again
  expect(await states(ring)).toEqual(['rejected'])
})
