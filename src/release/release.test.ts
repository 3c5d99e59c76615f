import { expect, test } from 'vitest'
import { bucketOf } from '../routes/split.ts'
import { GyreError } from '../core/errors.ts'
import { ctx, ENDPOINT, openHarbour, type Harbour } from './fixture.ts'
import { saltOf } from './opening.ts'

const canary = { kind: 'canary' } as const
const open = ({ releases }: Harbour, model: string, plan: object = canary, force?: string) =>
  releases.open(ctx, ENDPOINT, { model, plan, ...(force !== undefined && { force }) })
const route = ({ routes }: Harbour) => routes.get(ctx, ENDPOINT)
const eventTypes = async ({ store }: Harbour) =>
  (await store.events.since(0, 1000)).map(({ type }) => type)

/** A stable version and an open canary. */
async function withCanary(harbour: Harbour, plan: object = canary) {
  const one = await harbour.addPassed('one')
  await open(harbour, one)
  const two = await harbour.addPassed('two')
  const release = await open(harbour, two, plan)
  return { one, two, release }
}

test('no door promotes a version without approval and a passing verdict', async () => {
  await using harbour = await openHarbour()
  const ref = await harbour.add('one')
  await expect(open(harbour, ref)).rejects.toMatchObject({ code: 'APPROVAL_MISSING' })
  await harbour.registry.approve(ctx, ref, { decision: 'approved', note: '' })
  for (const plan of [canary, { kind: 'immediate' }])
    await expect(open(harbour, ref, plan)).rejects.toMatchObject({
      code: 'GATE_REFUSED',
      details: { command: 'gyre release ENDPOINT delay@1 --force REASON' },
    })
  expect(await harbour.releases.list(ctx)).toEqual([])
  expect(await route(harbour)).toMatchObject({ rev: 0, stable: null })
  expect(await eventTypes(harbour)).not.toContain('release.opened')
})

test('a rejection while the canary runs stops the promotion by hand and takes it back by analysis', async () => {
  await using harbour = await openHarbour()
  const { one, two } = await withCanary(harbour)
  await harbour.registry.approve(ctx, two, { decision: 'rejected', note: 'recalled' })
  await expect(harbour.releases.promote(ctx, ENDPOINT)).rejects.toMatchObject({
    code: 'APPROVAL_MISSING',
  })
  await harbour.count('stable', 900)
  await harbour.count('canary', 1500)
  const judged = await harbour.releases.analyse(ctx, ENDPOINT)
  expect(judged?.state).toBe('rolled_back')
  expect(await route(harbour)).toMatchObject({ stable: one, canary: null })
})

test('a gate that the code declares no more stands in no way, until the code declares it again', async () => {
  await using harbour = await openHarbour()
  const { two, one } = await withCanary(harbour)
  harbour.gates.add('fair')
  const { digest, runId } = await harbour.registry.get(ctx, two)
  await harbour.refuse(digest, runId ?? '', 'fair')
  const approve = () =>
    harbour.registry.approve(ctx, two, { decision: 'approved', note: 'as it is' })
  await approve()
  const promoted = () => harbour.releases.promote(ctx, ENDPOINT)
  await expect(promoted()).rejects.toMatchObject({
    code: 'GATE_REFUSED',
    message: expect.stringContaining('(fair: auc: 0.7 is not ≥ 0.9)'),
  })
  expect((await route(harbour)).stable).toBe(one)
  harbour.gates.clear()
  await expect(promoted()).rejects.toMatchObject({
    code: 'GATE_REFUSED',
    message: expect.stringContaining('fair refused it, which counts no more'),
  })
  harbour.gates.add('worth-shipping')
  await promoted()
  expect((await route(harbour)).stable).toBe(two)
})

test('an endpoint that nobody declared is told as such by every verb', async () => {
  await using harbour = await openHarbour()
  const { releases } = harbour
  const model = await harbour.addPassed('one')
  for (const ask of [
    () => releases.open(ctx, 'nowhere', { model, plan: {} }),
    () => releases.promote(ctx, 'nowhere'),
    () => releases.analyse(ctx, 'nowhere'),
    () => releases.rollback(ctx, 'nowhere', 'why'),
    () => releases.promote({ ...ctx, project: 'other' }, ENDPOINT),
  ])
    await expect(ask()).rejects.toMatchObject({ code: 'NOT_FOUND' })
})

test('what makes no sense is refused', async () => {
  await using harbour = await openHarbour()
  const one = await harbour.addPassed('one')
  await expect(open(harbour, 'model:delay@9')).rejects.toMatchObject({ code: 'NOT_FOUND' })
  await expect(harbour.releases.promote(ctx, ENDPOINT)).rejects.toMatchObject({ code: 'CONFLICT' })
  await expect(harbour.releases.rollback(ctx, ENDPOINT, 'why')).rejects.toMatchObject({
    code: 'CONFLICT',
  })
  await open(harbour, one)
  await expect(open(harbour, one)).rejects.toThrow('is the stable version of flight-delay already')
  await expect(harbour.releases.rollback(ctx, ENDPOINT, 'why')).rejects.toThrow(
    'no earlier version',
  )
  const two = await harbour.addPassed('two')
  await open(harbour, two)
  const three = await harbour.addPassed('three')
  await expect(open(harbour, three)).rejects.toThrow(
    'end it with "gyre promote flight-delay" or "gyre rollback flight-delay"',
  )
})

test('a model that cannot be loaded changes nothing', async () => {
  const broken = new GyreError('MODEL_FAILED', 'not an ONNX model')
  await using harbour = await openHarbour({ ensure: () => Promise.reject(broken) })
  const one = await harbour.addPassed('one')
  await expect(open(harbour, one)).rejects.toBe(broken)
  expect(await route(harbour)).toMatchObject({ rev: 0, stable: null })
})

test('a release is of the time it is given, or of the endpoint; not of tomorrow', async () => {
  await using harbour = await openHarbour()
  const { releases } = harbour
  const [one, two] = [await harbour.addPassed('one'), await harbour.addPassed('two')]
  const given = { model: one, plan: {}, at: '2000-12-31T02:00:00+02:00' }
  await expect(
    releases.open(ctx, ENDPOINT, { ...given, at: '2999-01-01T00:00:00Z' }),
  ).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', details: { field: 'at' } })
  const at = '2000-12-31T00:00:00.000Z'
  expect(await releases.open(ctx, ENDPOINT, given)).toMatchObject({ at })
  expect(await harbour.store.events.latest({ types: ['release.promoted'] })).toMatchObject({
    data: { at },
  })
  harbour.setEventTime('2001-03-01T00:00:00.000Z')
  expect(await open(harbour, two)).toMatchObject({ at: '2001-03-01T00:00:00.000Z' })
})

test('the first release takes all traffic at once, after its model was loaded', async () => {
  await using harbour = await openHarbour()
  const one = await harbour.addPassed('one')
  const release = await open(harbour, one)
  expect(release).toMatchObject({ kind: 'immediate', state: 'promoted', from: null, to: one })
  expect(harbour.loaded).toEqual([`${one} primary`])
  expect(await route(harbour)).toMatchObject({ rev: 1, stable: one, previous: null, canary: null })
  expect(await harbour.registry.get(ctx, one)).toMatchObject({
    stage: 'production',
    aliases: ['production'],
  })
})

test('forcing is written down with its reason', async () => {
  await using harbour = await openHarbour()
  await open(harbour, await harbour.addPassed('one'))
  const two = await harbour.add('two')
  const release = await open(harbour, two, canary, 'a drill')
  expect(release.forced).toBe('a drill')
  expect(await harbour.store.events.latest({ types: ['release.opened'] })).toMatchObject({
    actor: 'local',
    data: { forced: 'a drill', gate: null, to: two },
  })
})

test('a canary gets its share, by a salt that the same model would get again', async () => {
  await using harbour = await openHarbour()
  const { one, two, release } = await withCanary(harbour, { kind: 'canary', weightBp: 2500 })
  const { digest } = await harbour.registry.get(ctx, two)
  const salt = saltOf(ENDPOINT, digest)
  const state = await route(harbour)
  expect(state.stable).toBe(one)
  expect(state.canary).toEqual({ model: two, weightBp: 2500, salt, releaseId: release.id })
  const asked = harbour.routes.pick(ctx.project, ENDPOINT, { subject: '7', asked: undefined })
  expect(asked.variant).toBe(bucketOf(salt, '7') < 2500 ? 'canary' : 'stable')
})

test('of two promotions at once one wins', async () => {
  await using harbour = await openHarbour()
  const { two } = await withCanary(harbour)
  const other = harbour.another()
  const results = await Promise.allSettled([
    harbour.releases.promote(ctx, ENDPOINT),
    other.promote(ctx, ENDPOINT),
  ])
  expect(results.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
  expect(await route(harbour)).toMatchObject({ rev: 3, stable: two, canary: null })
  const promotions = (await eventTypes(harbour)).filter((type) => type === 'release.promoted')
  expect(promotions).toHaveLength(2)
})

test('promote and rollback move route, alias, stage and release together, both ways', async () => {
  await using harbour = await openHarbour()
  const { one, two, release } = await withCanary(harbour)
  await harbour.releases.promote(ctx, ENDPOINT)
  expect(await route(harbour)).toMatchObject({ stable: two, previous: one })
  expect(await harbour.registry.get(ctx, one)).toMatchObject({ stage: 'archived', aliases: [] })

  const back = await harbour.releases.rollback(ctx, ENDPOINT, 'late flights')
  expect(back).toMatchObject({ kind: 'rollback', from: two, to: one, reason: 'late flights' })
  expect(await route(harbour)).toMatchObject({ stable: one, previous: two, canary: null })
  expect((await harbour.registry.get(ctx, 'model:delay@production')).ref).toBe(one)
  expect((await harbour.releases.get(ctx, release.id)).state).toBe('rolled_back')

  await harbour.releases.rollback(ctx, ENDPOINT, 'it was right after all')
  expect(await route(harbour)).toMatchObject({ stable: two, previous: one })
  expect((await harbour.registry.get(ctx, 'model:delay@production')).stage).toBe('production')
  expect(harbour.loaded).toEqual([`${one} primary`, `${two} primary`])
})

test('rollback takes an open canary back and leaves stable alone', async () => {
  await using harbour = await openHarbour()
  const { one, two, release } = await withCanary(harbour)
  harbour.setEventTime('2001-03-05T00:00:00.000Z')
  const back = await harbour.releases.rollback(ctx, ENDPOINT, 'no good')
  expect(back).toMatchObject({ id: release.id, state: 'rolled_back', reason: 'no good' })
  expect(await route(harbour)).toMatchObject({ rev: 3, stable: one, previous: null, canary: null })
  expect(await harbour.store.events.latest({ types: ['release.rolled-back'] })).toMatchObject({
    data: { from: two, to: one, reason: 'no good', at: '2001-03-05T00:00:00.000Z' },
  })
})

test('a canary that fails is taken back by itself, with what was counted', async () => {
  await using harbour = await openHarbour()
  const { one, release } = await withCanary(harbour)
  await harbour.count('stable', 90)
  await harbour.count('canary', 10, 10)
  await harbour.releases.analyse(ctx, ENDPOINT)
  const judged = await harbour.releases.get(ctx, release.id)
  expect(judged).toMatchObject({
    state: 'rolled_back',
    analysis: { verdict: 'fail', stable: { requests: 90, failures: 0 } },
  })
  expect(await route(harbour)).toMatchObject({ stable: one, canary: null })
  expect(await harbour.store.events.latest({ types: ['release.rolled-back'] })).toMatchObject({
    actor: 'policy:canary-analysis',
  })
})

test('a canary that proves itself gets all traffic; with too little data it waits', async () => {
  await using harbour = await openHarbour()
  const { two, release } = await withCanary(harbour)
  await harbour.count('stable', 300)
  await harbour.count('canary', 30)
  const waiting = await harbour.releases.analyse(ctx, ENDPOINT)
  expect(waiting).toMatchObject({ id: release.id, state: 'open', analysis: { verdict: 'hold' } })
  expect(waiting?.analysis?.reason).toContain('not enough data')
  await harbour.count('stable', 9000)
  await harbour.count('canary', 1000)
  expect(await harbour.releases.analyse(ctx, ENDPOINT)).toMatchObject({ state: 'promoted' })
  expect((await route(harbour)).stable).toBe(two)
  expect(await harbour.releases.analyse(ctx, ENDPOINT)).toBeUndefined()
})

test('past its deadline in event time an undecided canary is taken back', async () => {
  await using harbour = await openHarbour()
  harbour.setEventTime('2001-03-01T00:00:00.000Z')
  await withCanary(harbour, { kind: 'canary', deadline: '7d' })
  harbour.setEventTime('2001-03-08T00:00:00.000Z')
  expect((await harbour.releases.analyse(ctx, ENDPOINT))?.state).toBe('open')
  harbour.setEventTime('2001-03-08T00:00:00.001Z')
  const late = await harbour.releases.analyse(ctx, ENDPOINT)
  expect(late).toMatchObject({ state: 'rolled_back' })
  expect(late?.reason).toContain('undecided after 7d')
  expect(await harbour.store.events.latest({ types: ['release.rolled-back'] })).toMatchObject({
    data: { at: '2001-03-08T00:00:00.001Z' },
  })
})
