import { expect, test } from 'vitest'
import { beginRun } from './pipeline-run.ts'
import {
  CTX,
  failWith,
  from,
  hanging,
  moduleStep,
  openBench,
  projectOf,
  succeedWith,
  type Script,
} from './fixture.ts'

const named: Script = (attempt, pipelines) => succeedWith(attempt, pipelines, { by: attempt.step })

const TWO_STEPS = projectOf(moduleStep('a'), moduleStep('b', { a: from('a') }))

test('a run whose server died before its first step is taken up by the next one', async () => {
  const bench = await openBench(TWO_STEPS)
  const [spec] = TWO_STEPS.pipelines
  if (!spec) throw new Error('no pipeline')
  const code = { ref: 'code:flights@1', bundle: 'sha256:b', source: {} }
  const loop = { ...CTX, actor: 'loop:nightly' }
  const id = await beginRun(bench, loop, { spec, params: { seed: 7 }, code, trigger: undefined })
  const { pipelines, started } = bench.serve(named)
  await pipelines.resume()
  expect((await pipelines.ended(CTX, id)).status).toBe('succeeded')
  expect(started).toEqual(['a', 'b'])
  expect((await bench.events.latest({ types: ['pipeline.succeeded'] }))?.actor).toBe('loop:nightly')
})

test('a step whose server died is lost and starts over under a higher fence', async () => {
  const bench = await openBench(TWO_STEPS)
  const { script, begun } = hanging()
  const { id } = await bench.serve(script).pipelines.start(CTX, 'train', {})
  const dead = await begun
  const lost = await bench.runs.list(CTX, { kind: 'training', status: 'running' }, 10)

  const { pipelines, started } = bench.serve(async (attempt, server) => {
    expect(attempt.fence).toBe(attempt.step === 'a' ? dead.fence + 1 : 1)
    // What the dead server's process still has to say does not count, whatever it says.
    await expect(succeedWith(dead, server, { by: 'a ghost' })).rejects.toMatchObject({
      code: 'FENCED',
    })
    await expect(failWith(dead, server, 'a ghost')).rejects.toMatchObject({ code: 'FENCED' })
    await succeedWith(attempt, server, { by: attempt.step })
  })
  await pipelines.resume()
  const run = await pipelines.ended(CTX, id)
  expect(run.status).toBe('succeeded')
  expect(started).toEqual(['a', 'b'])
  expect(run.steps[0]).toMatchObject({ attempt: 2, outputs: { by: 'a' } })
  expect(lost.runs).toHaveLength(1)
  expect((await bench.runs.get(CTX, lost.runs[0]?.id ?? '')).status).toBe('lost')
})

test('an attempt that went down with its server takes none of the retries that the step has', async () => {
  const bench = await openBench(projectOf(moduleStep('a', {}, { retries: 1 })))
  const { script, begun } = hanging()
  const { id } = await bench.serve(script).pipelines.start(CTX, 'train', {})
  await begun
  const { pipelines, started } = bench.serve((attempt, server) =>
    started.length === 1
      ? failWith(attempt, server, 'its own fault')
      : succeedWith(attempt, server, {}),
  )
  await pipelines.resume()
  const run = await pipelines.ended(CTX, id)
  expect(run).toMatchObject({ status: 'succeeded', steps: [{ attempt: 3 }] })
  expect(started).toEqual(['a', 'a'])
})

test('a step under which the server stopped six times fails, though it may be tried again', async () => {
  const bench = await openBench(projectOf(moduleStep('a', {}, { retries: 10 })))
  const first = hanging()
  const { id } = await bench.serve(first.script).pipelines.start(CTX, 'train', {})
  await first.begun
  for (let restarts = 1; restarts <= 5; restarts++) {
    const { script, begun } = hanging()
    await bench.serve(script).pipelines.resume()
    await begun
  }
  const { pipelines, started } = bench.serve(named)
  await pipelines.resume()
  const message = 'the server stopped 6 times while it ran'
  expect(await pipelines.ended(CTX, id)).toMatchObject({
    status: 'failed',
    steps: [{ state: 'failed', attempt: 6, error: { code: 'UNAVAILABLE', message } }],
  })
  expect(started).toEqual([])
  expect((await bench.runs.get(CTX, id)).error?.message).toBe(`step a failed: ${message}`)
})

test('a server that ends between two steps leaves the second to the next one', async () => {
  const bench = await openBench(TWO_STEPS)
  const first = bench.serve(async (attempt, server) => {
    await succeedWith(attempt, server, { by: 'a' })
    void server.close()
  })
  const { id } = await first.pipelines.start(CTX, 'train', {})
  await expect(first.pipelines.ended(CTX, id)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  expect(first.started).toEqual(['a'])

  const second = bench.serve(named)
  await second.pipelines.resume()
  expect((await second.pipelines.ended(CTX, id)).status).toBe('succeeded')
  expect(second.started).toEqual(['b'])
})

test.each([
  ['succeeded', 'succeeded', succeedWith],
  ['failed', 'failed', failWith],
] as const)(
  'a run whose last step %s just before the end is ended by the next server',
  async (_step, status, report) => {
    const bench = await openBench(projectOf(moduleStep('a')))
    const first = bench.serve(async (attempt, server) => {
      await report(attempt, server, 'told')
      void server.close()
    })
    const { id } = await first.pipelines.start(CTX, 'train', {})
    await expect(first.pipelines.ended(CTX, id)).rejects.toMatchObject({ code: 'UNAVAILABLE' })

    const second = bench.serve(named)
    await second.pipelines.resume()
    expect((await second.pipelines.ended(CTX, id)).status).toBe(status)
    expect(second.started).toEqual([])
  },
)

test('closing in the middle of a step ends its process and leaves the run to be taken up', async () => {
  const bench = await openBench(TWO_STEPS)
  const { script, begun } = hanging()
  const first = bench.serve(script)
  const { id } = await first.pipelines.start(CTX, 'train', {})
  const attempt = await begun
  const closed = first.pipelines.close()
  // A process that was told to end reports that it was cut short: the step has not failed by that.
  await expect(failWith(attempt, first.pipelines, 'AbortError')).rejects.toMatchObject({
    code: 'UNAVAILABLE',
  })
  await closed
  expect(await first.pipelines.get(CTX, id)).toMatchObject({ status: 'running' })

  const second = bench.serve(named)
  await second.pipelines.resume()
  expect((await second.pipelines.ended(CTX, id)).status).toBe('succeeded')
})

test('a result that arrives while the server stops is kept', async () => {
  const bench = await openBench(TWO_STEPS)
  const { script, begun } = hanging()
  const first = bench.serve(script)
  const { id } = await first.pipelines.start(CTX, 'train', {})
  const attempt = await begun
  const closed = first.pipelines.close()
  await succeedWith(attempt, first.pipelines, { by: 'a' })
  await closed
  const second = bench.serve(named)
  await second.pipelines.resume()
  expect((await second.pipelines.ended(CTX, id)).status).toBe('succeeded')
  expect(second.started).toEqual(['b'])
})

test('resuming twice drives a run once', async () => {
  const bench = await openBench(TWO_STEPS)
  const { script, begun } = hanging()
  const { id } = await bench.serve(script).pipelines.start(CTX, 'train', {})
  await begun
  const { pipelines, started } = bench.serve(named)
  await pipelines.resume()
  await pipelines.resume()
  await pipelines.ended(CTX, id)
  expect(started).toEqual(['a', 'b'])
})
