import type { Partitions, StartBackfill } from '@gyre/sdk/wire/partition'
import { Backfill } from '@gyre/sdk/wire/partition'
import type { Manifest } from '@gyre/sdk/wire/manifest'
import { expect, test, vi } from 'vitest'
import { z } from 'zod'
import {
  CTX,
  deferred,
  failWith,
  hanging,
  moduleStep,
  openBench,
  param,
  projectOf,
  succeedWith,
  type Script,
} from './fixture.ts'
import type { Pipelines } from './pipelines.ts'

const PATIENT = { timeout: 20_000, interval: 10 }

/** A pipeline of one step that is run day by day. */
function dailyProject(settings = {}, partitions?: Partitions): Manifest {
  const project = projectOf(moduleStep('load', { day: param('day') }, settings))
  const [train] = project.pipelines
  if (!train) throw new Error('no pipeline')
  const days: Partitions = partitions ?? { by: 'day', from: '2000-02-26T00:00:00.000Z' }
  const type = days.by === 'name' ? ('text' as const) : ('day' as const)
  const params = { ...train.params, day: { type, partitions: days } }
  return { ...project, pipelines: [{ ...train, params }] }
}

const request = (more: Partial<StartBackfill> = {}): StartBackfill => ({
  from: '2000-02-26',
  to: '2000-03-04',
  states: ['missing'],
  concurrency: 2,
  params: {},
  ...more,
})

/** Reports the day it was given; fails for `bad` ones. */
function loading(bad: readonly string[] = []): Script {
  return async (attempt, pipelines) => {
    const key = { pipelineRunId: attempt.run, step: attempt.step }
    const { inputs } = await pipelines.work(CTX, key)
    const day = z.string().parse(inputs['day'])
    if (bad.some((each) => day.startsWith(each))) return failWith(attempt, pipelines, `no ${day}`)
    return succeedWith(attempt, pipelines, inputs)
  }
}

async function ended(pipelines: Pipelines, id: string) {
  return vi.waitFor(async () => {
    const now = await pipelines.backfills.get(CTX, id)
    if (now.status === 'running') throw new Error('still running')
    return Backfill.parse(now)
  }, PATIENT)
}

const statesOf = async (pipelines: Pipelines, bounds = { from: '2000-02-26', to: '2000-03-04' }) =>
  Object.fromEntries(
    (await pipelines.backfills.partitions(CTX, 'train', bounds)).map(({ key, state }) => [
      key,
      state,
    ]),
  )

const DAYS = ['02-26', '02-27', '02-28', '02-29', '03-01', '03-02', '03-03'].map((d) => `2000-${d}`)
const all = (state: string) => Object.fromEntries(DAYS.map((day) => [day, state]))

test('a run for each partition, each with its day, and never more at once than may be', async () => {
  const bench = await openBench(dailyProject())
  const seen: number[] = []
  const { pipelines } = bench.serve(async (attempt, server) => {
    const rows = await bench.catalog.read
      .selectFrom('pipeline_runs')
      .select('id')
      .where('status', '=', 'running')
      .execute()
    seen.push(rows.length)
    return loading()(attempt, server)
  })
  expect(await statesOf(pipelines)).toEqual(all('missing'))
  const { id } = await pipelines.backfills.start(CTX, 'train', request())
  const done = await ended(pipelines, id)
  expect(done).toMatchObject({
    status: 'succeeded',
    partitions: { total: 7, waiting: 0, running: 0, succeeded: 7, failed: 0 },
  })
  expect(seen).toHaveLength(7)
  expect(Math.max(...seen)).toBe(2)
  expect(await statesOf(pipelines)).toEqual(all('succeeded'))
  const runs = await pipelines.list(CTX, 10)
  expect(new Map(runs.map(({ partition, params }) => [partition, params['day']]))).toEqual(
    new Map(DAYS.map((day) => [day, `${day}T00:00:00.000Z`])),
  )
  expect(await bench.runs.get(CTX, id)).toMatchObject({ kind: 'backfill', status: 'succeeded' })
})

test('one that fails leaves the others be; --failed runs it again, and a new definition makes all stale', async () => {
  const bench = await openBench(dailyProject())
  const first = bench.serve(loading(['2000-02-29']))
  const { id } = await first.pipelines.backfills.start(CTX, 'train', request())
  expect(await ended(first.pipelines, id)).toMatchObject({
    status: 'failed',
    partitions: { succeeded: 6, failed: 1 },
  })
  expect(await statesOf(first.pipelines)).toEqual({ ...all('succeeded'), '2000-02-29': 'failed' })

  const { pipelines, started } = bench.serve(loading())
  const again = await pipelines.backfills.start(CTX, 'train', request({ states: ['failed'] }))
  expect(await ended(pipelines, again.id)).toMatchObject({
    status: 'succeeded',
    partitions: { total: 1, succeeded: 1 },
  })
  expect(started).toEqual(['load'])
  const nothing = await pipelines.backfills.start(CTX, 'train', request())
  expect(await ended(pipelines, nothing.id)).toMatchObject({
    status: 'succeeded',
    partitions: { total: 0 },
  })
  bench.manifest = dailyProject({ digest: 'edited' })
  expect(await statesOf(pipelines)).toEqual(all('stale'))
})

test('a server that died in the middle: the next one does the rest, no partition twice', async () => {
  const bench = await openBench(dailyProject())
  const held = deferred<undefined>()
  let begun = 0
  const first = bench.serve(async (attempt, server) => {
    begun += 1
    if (begun <= 2) return loading()(attempt, server)
    if (begun === 4) held.resolve(undefined)
    return new Promise(() => undefined)
  })
  const { id } = await first.pipelines.backfills.start(CTX, 'train', request())
  await held.promise
  const second = bench.serve(loading())
  await second.pipelines.resume()
  expect(await ended(second.pipelines, id)).toMatchObject({
    status: 'succeeded',
    partitions: { total: 7, succeeded: 7 },
  })
  // The two under way are tried again, in the runs that they have.
  expect(second.started).toHaveLength(5)
  const runs = await second.pipelines.list(CTX, 20)
  expect(runs).toHaveLength(7)
  expect(new Set(runs.map(({ partition }) => partition))).toEqual(new Set(DAYS))
  expect(runs.filter(({ steps }) => steps[0]?.attempt === 2)).toHaveLength(2)
})

test('a partition has one run at a time, whoever starts it', async () => {
  const bench = await openBench(dailyProject())
  const { script, begun } = hanging()
  const release = deferred<undefined>()
  const { pipelines } = bench.serve(async (attempt, server) => {
    void script(attempt, server)
    await release.promise
    return loading()(attempt, server)
  })
  const byHand = await pipelines.start(CTX, 'train', { day: '2000-02-28' })
  await begun
  await expect(pipelines.start(CTX, 'train', { day: '2000-02-28' })).rejects.toMatchObject({
    code: 'CONFLICT',
    details: { partition: '2000-02-28', run: byHand.id },
  })
  const { id, partitions } = await pipelines.backfills.start(CTX, 'train', request())
  expect(partitions.total).toBe(6)
  release.resolve(undefined)
  expect(await ended(pipelines, id)).toMatchObject({ partitions: { total: 6, succeeded: 6 } })
})

test('a cancelled backfill starts nothing more, and cancels what is under way', async () => {
  const bench = await openBench(dailyProject())
  const release = deferred<undefined>()
  const both = deferred<undefined>()
  const { pipelines, started } = bench.serve(async (attempt, server) => {
    if (started.length === 2) both.resolve(undefined)
    await release.promise
    return loading()(attempt, server)
  })
  const { id } = await pipelines.backfills.start(CTX, 'train', request())
  await both.promise
  expect(await pipelines.backfills.cancel(CTX, id)).toMatchObject({
    status: 'cancelled',
    partitions: { total: 7, waiting: 5, running: 2 },
  })
  release.resolve(undefined)
  await vi.waitFor(async () => {
    const { partitions } = await pipelines.backfills.get(CTX, id)
    expect(partitions).toMatchObject({ waiting: 5, running: 0, failed: 2 })
  }, PATIENT)
  const runs = await pipelines.list(CTX, 10)
  expect(runs.map(({ status }) => status)).toEqual(['cancelled', 'cancelled'])
  expect(started).toHaveLength(2)
  await expect(pipelines.backfills.cancel(CTX, id)).rejects.toMatchObject({ code: 'CONFLICT' })
})

test('names are partitions too, in the order of their list', async () => {
  const bench = await openBench(dailyProject({}, { by: 'name', names: ['eu', 'us', 'asia'] }))
  const seen: unknown[] = []
  const { pipelines } = bench.serve(async (attempt, server) => {
    const key = { pipelineRunId: attempt.run, step: attempt.step }
    seen.push((await server.work(CTX, key)).inputs['day'])
    return loading()(attempt, server)
  })
  const { from: _from, to: _to, ...whole } = request({ concurrency: 1 })
  const { id } = await pipelines.backfills.start(CTX, 'train', whole)
  expect(await ended(pipelines, id)).toMatchObject({ status: 'succeeded' })
  expect(seen).toEqual(['eu', 'us', 'asia'])
})

test.each([
  [
    { params: { day: '2000-02-26' } },
    'INVALID_ARGUMENT',
    /^params\.day: is what the backfill goes/,
  ],
  [{ params: { seed: 'x' } }, 'INVALID_ARGUMENT', /^params\.seed: expected an integer/],
  [{ params: { nope: 1 } }, 'INVALID_ARGUMENT', /^params\.nope: /],
  [{ from: '2000-02-30' }, 'INVALID_ARGUMENT', /^from: /],
  [{ to: '2000-01-01' }, 'INVALID_ARGUMENT', /^to: /],
])('a backfill with %j is refused, and nothing starts', async (more, code, message) => {
  const bench = await openBench(dailyProject())
  const { pipelines, started } = bench.serve(loading())
  await expect(pipelines.backfills.start(CTX, 'train', request(more))).rejects.toMatchObject({
    code,
    message: expect.stringMatching(message),
  })
  expect(await pipelines.backfills.list(CTX, 5)).toEqual([])
  expect(started).toEqual([])
  await expect(pipelines.start(CTX, 'train', { day: '2000-02-26T12:00:00Z' })).rejects.toThrow(
    /params\.day: expected the start of a day in UTC/,
  )
})
