import { OpenRelease } from '@gyre/sdk/wire/release'
import { expect, test } from 'vitest'
import { ctx, ENDPOINT, openHarbour, type Harbour } from './fixture.ts'

const STAGES = [{ weightBp: 1000 }, { weightBp: 5000 }]
const plan = { kind: 'canary', stages: STAGES } as const

/** A stable version and a canary open in stages. */
async function staged(harbour: Harbour, more: object = {}) {
  const one = await harbour.addPassed('one')
  await harbour.releases.open(ctx, ENDPOINT, { model: one, plan: {} })
  const two = await harbour.addPassed('two')
  const request = OpenRelease.parse({ model: two, plan: { ...plan, ...more }, why: 'faster' })
  return { one, two, release: await harbour.releases.open(ctx, ENDPOINT, request) }
}

const weight = async ({ routes }: Harbour) => (await routes.get(ctx, ENDPOINT)).canary?.weightBp
const analyse = ({ releases }: Harbour) => releases.analyse(ctx, ENDPOINT)

/** Enough to pass the ceiling of 1 % at ln 40: 525 canary requests without a failure. */
async function proveStage(harbour: Harbour) {
  await harbour.count('stable', 700)
  await harbour.count('canary', 525)
}

test('shares that do not rise are refused by their place', () => {
  const falling = { model: 'model:delay@1', plan: { ...plan, stages: [...STAGES].toReversed() } }
  const [issue] = OpenRelease.safeParse(falling).error?.issues ?? []
  expect(issue).toMatchObject({
    path: ['plan', 'stages', 1, 'weightBp'],
    message: 'expected more than the 5000 of the stage before',
  })
})

test('where nothing is open nothing is steered', async () => {
  await using harbour = await openHarbour()
  const { releases } = harbour
  for (const verb of ['promote', 'advance', 'approve'] as const) {
    await expect(releases[verb](ctx, ENDPOINT)).rejects.toMatchObject({ code: 'CONFLICT' })
    await expect(releases[verb](ctx, 'nowhere')).rejects.toMatchObject({ code: 'NOT_FOUND' })
  }
  await expect(releases.abort(ctx, ENDPOINT, 'why')).rejects.toMatchObject({ code: 'CONFLICT' })
  await expect(releases.abort(ctx, 'nowhere', 'why')).rejects.toMatchObject({ code: 'NOT_FOUND' })
  await expect(releases.status(ctx, ENDPOINT)).rejects.toThrow('has no release yet')
})

test('a stage is passed on its own evidence, and the last one gives everything', async () => {
  await using harbour = await openHarbour()
  const { two, release } = await staged(harbour)
  expect(await weight(harbour)).toBe(1000)
  await proveStage(harbour)
  expect(await analyse(harbour)).toMatchObject({ state: 'open', stage: 1 })
  expect(await weight(harbour)).toBe(5000)

  await harbour.count('stable', 524)
  await harbour.count('canary', 524)
  expect(await analyse(harbour)).toMatchObject({
    state: 'open',
    analysis: { verdict: 'hold', canary: { requests: 524 } },
  })
  await harbour.count('canary', 1)
  expect(await analyse(harbour)).toMatchObject({ id: release.id, state: 'promoted', stage: 1 })
  expect((await harbour.routes.get(ctx, ENDPOINT)).stable).toBe(two)
  const events = await harbour.store.events.since(0, 1000, { types: ['release.advanced'] })
  expect(events).toMatchObject([
    {
      actor: 'policy:canary-analysis',
      data: { stage: 1, weightBp: 5000, why: 'faster', analysis: { verdict: 'pass' } },
    },
  ])
})

test('a larger share keeps every subject that the smaller one had', async () => {
  await using harbour = await openHarbour()
  await staged(harbour)
  const before = (await harbour.routes.get(ctx, ENDPOINT)).canary
  await harbour.releases.advance(ctx, ENDPOINT)
  expect((await harbour.routes.get(ctx, ENDPOINT)).canary).toEqual({ ...before, weightBp: 5000 })
})

test('what fails in a later stage is taken back from there', async () => {
  await using harbour = await openHarbour()
  const { one } = await staged(harbour)
  await proveStage(harbour)
  await analyse(harbour)
  await harbour.count('stable', 10)
  await harbour.count('canary', 30, 30)
  await analyse(harbour)
  expect(await harbour.routes.get(ctx, ENDPOINT)).toMatchObject({ stable: one, canary: null })
  const { release, stages } = await harbour.releases.status(ctx, ENDPOINT)
  expect(release).toMatchObject({ state: 'rolled_back', stage: 1 })
  expect(stages).toMatchObject([
    { state: 'over', metrics: [{ verdict: 'pass', canary: { requests: 525, failures: 0 } }] },
    { state: 'over', metrics: [{ verdict: 'fail', canary: { requests: 30, failures: 30 } }] },
  ])
})

test('a stage that goes on by hand waits for its proof, then for a person', async () => {
  await using harbour = await openHarbour()
  await staged(harbour, { advance: 'manual' })
  await expect(harbour.releases.approve(ctx, ENDPOINT)).rejects.toThrow(
    'stage 1 of flight-delay has not passed (not enough data: ',
  )
  await proveStage(harbour)
  expect(await analyse(harbour)).toMatchObject({ stage: 0, analysis: { verdict: 'pass' } })
  expect(await weight(harbour)).toBe(1000)
  const approved = await harbour.releases.approve({ ...ctx, actor: 'key:ada' }, ENDPOINT, 'good')
  expect(approved).toMatchObject({ state: 'open', stage: 1 })
  expect(await harbour.store.events.latest({ types: ['release.advanced'] })).toMatchObject({
    actor: 'key:ada',
    data: { reason: 'approved by key:ada: good', stage: 1, analysis: { verdict: 'pass' } },
  })
  await expect(harbour.releases.approve(ctx, ENDPOINT)).rejects.toThrow('stage 2')
})

test('a person may go on without proof, complete, or abort, and is named', async () => {
  await using harbour = await openHarbour()
  const { two } = await staged(harbour, { minSamples: 600 })
  const ada = { ...ctx, actor: 'key:ada' }
  await proveStage(harbour)
  expect(await analyse(harbour)).toMatchObject({
    stage: 0,
    analysis: { reason: "not enough data: 525 of the plan's 600 canary requests" },
  })
  await harbour.releases.advance(ada, ENDPOINT, 'seen enough')
  const done = await harbour.releases.advance(ada, ENDPOINT, 'all of it')
  expect(done).toMatchObject({ state: 'promoted', reason: 'advanced by key:ada: all of it' })
  const three = await harbour.addPassed('three')
  await harbour.releases.open(ctx, ENDPOINT, { model: three, plan })
  const back = await harbour.releases.abort(ada, ENDPOINT, 'wrong day')
  expect(back).toMatchObject({ state: 'rolled_back', reason: 'wrong day' })
  expect(await harbour.store.events.latest({ types: ['release.rolled-back'] })).toMatchObject({
    actor: 'key:ada',
  })
  expect(await harbour.routes.get(ctx, ENDPOINT)).toMatchObject({ stable: two, canary: null })
})

test('the deadline counts from the beginning of a stage', async () => {
  await using harbour = await openHarbour()
  harbour.setEventTime('2001-03-01T00:00:00.000Z')
  await staged(harbour, { deadline: '7d' })
  harbour.setEventTime('2001-03-06T00:00:00.000Z')
  await harbour.releases.advance(ctx, ENDPOINT)
  harbour.setEventTime('2001-03-13T00:00:00.000Z')
  expect(await analyse(harbour)).toMatchObject({ state: 'open' })
  harbour.setEventTime('2001-03-13T00:00:00.001Z')
  expect(await analyse(harbour)).toMatchObject({
    state: 'rolled_back',
    reason: expect.stringContaining('undecided after 7d'),
  })
})

test('latency is judged beside errors, each on half of the chance of a false alarm', async () => {
  await using harbour = await openHarbour()
  const { release, one } = await staged(harbour, { slowMs: 50 })
  expect((await harbour.routes.get(ctx, ENDPOINT)).canary?.slowMs).toBe(50)
  const answer = (arm: 'stable' | 'canary', subject: number, slow: boolean) =>
    harbour.releases.count({
      project: ctx.project,
      endpoint: ENDPOINT,
      releaseId: release.id,
      arm,
      weightBp: 1000,
      subject: `s${subject}`,
      failed: false,
      slow,
    })
  for (let i = 0; i < 900; i++) answer('stable', i, i < 9)
  for (let i = 900; i < 1000; i++) answer('canary', i, i < 930)
  await analyse(harbour)
  const { release: after, stages } = await harbour.releases.status(ctx, ENDPOINT)
  expect(after).toMatchObject({
    state: 'rolled_back',
    reason: 'the canary is slow more often than stable: 30 of 100 against 9 of 900',
  })
  expect(stages[0]?.metrics).toMatchObject([
    { metric: 'errors', verdict: 'hold', canary: { requests: 100, failures: 0 } },
    { metric: 'slow', verdict: 'fail' },
  ])
  expect((await harbour.routes.get(ctx, ENDPOINT)).stable).toBe(one)
})
