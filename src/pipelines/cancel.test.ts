import { expect, test } from 'vitest'
import { askToCancel } from './cancel.ts'
import {
  CTX,
  failWith,
  from,
  hanging,
  moduleStep,
  openBench,
  projectOf,
  succeedWith,
  type Attempt,
  type Script,
} from './fixture.ts'

const ANA = { ...CTX, actor: 'ana' }

const TWO_STEPS = projectOf(moduleStep('a'), moduleStep('b', { a: from('a') }))

const named: Script = (attempt, pipelines) => succeedWith(attempt, pipelines, { by: attempt.step })

/** A run whose first step goes on until its process is told to end. */
async function underWay() {
  const bench = await openBench(TWO_STEPS)
  const { script, begun } = hanging()
  const server = bench.serve(script)
  const { id } = await server.pipelines.start(CTX, 'train', {})
  return { bench, id, attempt: await begun, ...server }
}

test('a cancelled run ends its process and is cancelled, with its step; the next one is skipped', async () => {
  const { bench, id, pipelines, started } = await underWay()
  const asked = await pipelines.cancel(ANA, id)
  const at = '2001-01-01T00:00:00.000Z'
  expect(asked).toMatchObject({ status: 'running', cancelled: { by: 'ana', at } })
  const run = await pipelines.ended(CTX, id)
  const error = { code: 'CANCELLED', message: 'cancelled by ana' }
  expect(run).toMatchObject({
    status: 'cancelled',
    steps: [
      { state: 'cancelled', attempt: 1, error },
      { state: 'skipped', attempt: 0, error: null },
    ],
  })
  expect(started).toEqual(['a'])
  expect(await bench.runs.get(CTX, id)).toMatchObject({ status: 'cancelled', error })
  const step = await bench.runs.get(CTX, run.steps[0]?.runId ?? '')
  expect(step).toMatchObject({ status: 'cancelled', error })
  const told = await bench.events.since(0, 100)
  expect(told.map(({ type, actor }) => `${type} ${actor}`).slice(-4)).toEqual([
    'pipeline.cancelling ana',
    'run.finished local',
    'run.finished local',
    'pipeline.cancelled local',
  ])
})

test('cancelling twice is cancelling once, and a run that has ended is not cancelled', async () => {
  const { bench, id, pipelines } = await underWay()
  await pipelines.cancel(ANA, id)
  await pipelines.cancel(CTX, id)
  await pipelines.ended(CTX, id)
  expect(await pipelines.cancel(CTX, id)).toMatchObject({
    status: 'cancelled',
    cancelled: { by: 'ana' },
  })
  const all = await bench.events.since(0, 100, { types: ['pipeline.cancelling'] })
  expect(all).toHaveLength(1)

  const other = bench.serve(named).pipelines
  const ended = await other.start(CTX, 'train', {})
  await other.ended(CTX, ended.id)
  await expect(other.cancel(CTX, ended.id)).rejects.toMatchObject({
    code: 'CONFLICT',
    message: `${ended.id} has ended already: succeeded`,
  })
  await expect(other.cancel(CTX, 'run_0')).rejects.toMatchObject({ code: 'NOT_FOUND' })
  const elsewhere = { ...CTX, project: 'other' }
  await expect(other.cancel(elsewhere, id)).rejects.toMatchObject({ code: 'NOT_FOUND' })
})

test.each([
  ['fails', 'cancelled', (attempt: Attempt, server) => failWith(attempt, server, 'AbortError')],
  ['succeeds', 'succeeded', (attempt: Attempt, server) => succeedWith(attempt, server, {})],
] satisfies [string, string, Script][])(
  'a step that %s within its grace is told as %s',
  async (_, state, report) => {
    const { bench, id, attempt, pipelines } = await underWay()
    await askToCancel(bench, ANA, id)
    await report(attempt, pipelines)
    await pipelines.cancel(ANA, id)
    const { status, steps } = await pipelines.ended(CTX, id)
    expect([status, steps[0]?.state]).toEqual(['cancelled', state])
    expect(await bench.runs.get(CTX, steps[0]?.runId ?? '')).toMatchObject({ status: state })
  },
)

test('a step that waits for its retry is not tried again', async () => {
  const backoff = { first: '10s', factor: 1, max: '10s', jitter: 0 }
  const bench = await openBench(
    projectOf(moduleStep('a', {}, { retries: { max: 1, backoff } }), moduleStep('b')),
  )
  const { pipelines, started } = bench.serve((attempt, server) =>
    attempt.step === 'a' ? failWith(attempt, server, 'no') : named(attempt, server),
  )
  const { id } = await pipelines.start(CTX, 'train', {})
  await bench.asleep()
  await pipelines.cancel(ANA, id)
  const { status, steps } = await pipelines.ended(CTX, id)
  expect([status, steps[0]?.state, steps[0]?.retryAt]).toEqual(['cancelled', 'failed', null])
  expect(started.filter((step) => step === 'a')).toHaveLength(1)
})

test('a run that was cancelled when its server died never goes on', async () => {
  const { bench, id } = await underWay()
  // The server dies with its word on the disk and nothing done about it.
  await askToCancel(bench, ANA, id)
  const next = bench.serve(named)
  await next.pipelines.resume()
  const { status, steps } = await next.pipelines.ended(CTX, id)
  expect([status, ...steps.map(({ state }) => state)]).toEqual([
    'cancelled',
    'cancelled',
    'skipped',
  ])
  expect(next.started).toEqual([])
  expect(await bench.runs.get(CTX, steps[0]?.runId ?? '')).toMatchObject({ status: 'cancelled' })
  await next.pipelines.resume()
  expect(next.started).toEqual([])
})

test('a run that is cancelled before anybody drives it starts nothing', async () => {
  const { bench, id } = await underWay()
  const next = bench.serve(named)
  await next.pipelines.cancel(ANA, id)
  await next.pipelines.resume()
  expect((await next.pipelines.ended(CTX, id)).status).toBe('cancelled')
  expect(next.started).toEqual([])
})

test('of two runs the other goes on', async () => {
  const bench = await openBench(TWO_STEPS)
  const first = hanging()
  const { pipelines } = bench.serve((attempt, server) =>
    attempt.run === one?.id ? first.script(attempt, server) : named(attempt, server),
  )
  const one = await pipelines.start(CTX, 'train', {})
  await first.begun
  const two = await pipelines.start(CTX, 'train', { seed: 8 })
  await pipelines.cancel(ANA, one.id)
  expect((await pipelines.ended(CTX, two.id)).status).toBe('succeeded')
  expect((await pipelines.ended(CTX, one.id)).status).toBe('cancelled')
})
