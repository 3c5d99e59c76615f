import type { Retries } from '@gyre/sdk/wire/retries'
import { expect, test } from 'vitest'
import {
  CTX,
  failWith,
  hanging,
  moduleStep,
  openBench,
  projectOf,
  succeedWith,
  type Script,
} from './fixture.ts'

const named: Script = (attempt, pipelines) => succeedWith(attempt, pipelines, { by: attempt.step })

const broken: Script = (attempt, pipelines) => failWith(attempt, pipelines, 'Connection RESET')

const tryAgain = (retries: Retries) => projectOf(moduleStep('a', {}, { retries }))

const BACKOFF = { first: '10s', factor: 2, max: '25s', jitter: 0 }

/** Moves the clock from retry to retry until the run has ended; gives how long each wait was, in seconds. */
async function waitsOf(retries: Retries): Promise<number[]> {
  const bench = await openBench(tryAgain(retries))
  const { pipelines } = bench.serve(broken)
  const { id } = await pipelines.start(CTX, 'train', {})
  const waits: number[] = []
  for (;;) {
    const slept = await Promise.race([bench.asleep(), pipelines.ended(CTX, id)])
    if (slept) return waits
    const { steps } = await pipelines.get(CTX, id)
    expect(steps).toMatchObject([{ state: 'failed', attempt: waits.length + 1 }])
    const waitMs = Date.parse(steps[0]?.retryAt ?? '') - bench.clock.now().getTime()
    waits.push(waitMs / 1000)
    bench.pass(waitMs)
  }
}

test('each wait is so many times as long as the one before, and none longer than told', async () => {
  expect(await waitsOf({ max: 4, backoff: BACKOFF })).toEqual([10, 20, 25, 25])
  expect(await waitsOf({ max: 2, backoff: { ...BACKOFF, factor: 1 } })).toEqual([10, 10])
})

test('jitter makes waits differ by its share at most', async () => {
  const waits = await waitsOf({ max: 5, backoff: { ...BACKOFF, factor: 1, jitter: 0.5 } })
  expect(new Set(waits).size).toBe(5)
  expect(Math.min(...waits)).toBeGreaterThanOrEqual(5)
  expect(Math.max(...waits)).toBeLessThanOrEqual(15)
})

test('a plain number is tried again at once, so often', async () => {
  const { serve } = await openBench(tryAgain(2))
  const { pipelines, started } = serve(broken)
  const { id } = await pipelines.start(CTX, 'train', {})
  expect(await pipelines.ended(CTX, id)).toMatchObject({
    status: 'failed',
    steps: [{ attempt: 3, retryAt: null }],
  })
  expect(started).toEqual(['a', 'a', 'a'])
})

test('while a step waits for its retry the others go on', async () => {
  const bench = await openBench(
    projectOf(
      moduleStep('a', {}, { retries: { max: 1, backoff: BACKOFF } }),
      moduleStep('b'),
      moduleStep('c', { b: { kind: 'step', step: 'b', path: [] } }),
    ),
  )
  let fails = 1
  const { pipelines, started } = bench.serve((attempt, server) =>
    attempt.step === 'a' && fails-- > 0 ? broken(attempt, server) : named(attempt, server),
  )
  const { id } = await pipelines.start(CTX, 'train', {})
  while (!started.includes('c')) await bench.asleep()
  expect((await pipelines.get(CTX, id)).steps[0]).toMatchObject({
    state: 'failed',
    retryAt: '2001-01-01T00:00:10.000Z',
  })
  bench.pass(9_999)
  expect(started).toEqual(['a', 'b', 'c'])
  bench.pass(1)
  expect((await pipelines.ended(CTX, id)).status).toBe('succeeded')
  expect(started).toEqual(['a', 'b', 'c', 'a'])
})

test('a step that waits keeps its time through a kill of the server, and its count', async () => {
  const bench = await openBench(tryAgain({ max: 2, backoff: BACKOFF }))
  const first = bench.serve(broken)
  const { id } = await first.pipelines.start(CTX, 'train', {})
  await bench.asleep()
  await first.pipelines.close()
  await expect(first.pipelines.ended(CTX, id)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  bench.pass(4_000)

  const second = bench.serve(broken)
  await second.pipelines.resume()
  await bench.asleep()
  expect(second.started).toEqual([])
  const { steps } = await second.pipelines.get(CTX, id)
  expect(steps).toMatchObject([{ attempt: 1, retryAt: '2001-01-01T00:00:10.000Z' }])
  bench.pass(6_000)
  await bench.asleep()
  bench.pass(20_000)
  expect(await second.pipelines.ended(CTX, id)).toMatchObject({
    status: 'failed',
    steps: [{ attempt: 3 }],
  })
  expect(second.started).toEqual(['a', 'a'])
})

const killed: Script = async () => ({ end: { kind: 'killed', signal: 'SIGKILL' } })
const exited: Script = async () => ({ end: { kind: 'exited', code: 75 }, tail: 'CUDA: no memory' })
const late: Script = async () => ({ end: { kind: 'timed-out' } })
const lateWithWord: Script = async (attempt, server) => {
  await failWith(attempt, server, 'AbortError')
  return { end: { kind: 'timed-out' } }
}
const threw: Script = async (attempt, server) => {
  const { run: pipelineRunId, step, fence } = attempt
  const error = { code: 'ECONNRESET', message: 'read', exitCode: 3 }
  await server.report(CTX, { pipelineRunId, step }, { status: 'failed', fence, error })
}

test.each([
  ['a signal', killed, { signal: 'SIGKILL' }, true],
  ['another signal', killed, { signal: 'SIGSEGV' }, false],
  ['an exit code', exited, { exitCode: 75 }, true],
  ['another exit code', exited, { exitCode: 7 }, false],
  ['a text that it printed last', exited, { message: 'cuda: NO memory' }, true],
  ['a text that is not there', exited, { message: 'cuda: memory' }, false],
  ['a time-out', late, 'TIMEOUT', true],
  ['a time-out whose process had a last word', lateWithWord, 'TIMEOUT', true],
  ['a death that was no time-out', killed, 'TIMEOUT', false],
  ['a death', killed, 'STEP_FAILED', true],
  ['the code of what was thrown', threw, 'ECONNRESET', true],
  ['the exit code of what it had started', threw, { exitCode: 3 }, true],
  ['a code of another kind', threw, 'STEP_FAILED', false],
] as const)('%s decides whether there is another attempt', async (_, script, on, isRetried) => {
  const { serve } = await openBench(tryAgain({ max: 1, on: [on] }))
  const { pipelines, started } = serve(script)
  const { id } = await pipelines.start(CTX, 'train', {})
  const { status, steps } = await pipelines.ended(CTX, id)
  expect([status, steps[0]?.attempt]).toEqual(['failed', isRetried ? 2 : 1])
  expect(started).toHaveLength(isRetried ? 2 : 1)
  expect(Object.keys(steps[0]?.error ?? {})).toEqual(['code', 'message'])
})

test('an attempt that went down with its server is none of the failures that the waits grow by', async () => {
  const bench = await openBench(tryAgain({ max: 2, backoff: BACKOFF }))
  const { script, begun } = hanging()
  const { id } = await bench.serve(script).pipelines.start(CTX, 'train', {})
  await begun
  const { pipelines } = bench.serve(broken)
  await pipelines.resume()
  await bench.asleep()
  expect((await pipelines.get(CTX, id)).steps).toMatchObject([
    { attempt: 2, retryAt: '2001-01-01T00:00:10.000Z' },
  ])
})
