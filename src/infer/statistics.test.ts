import { expect, test } from 'vitest'
import { fakeClock } from '../core/clock.ts'
import { flight, openBench } from './fixture.ts'

test('what failed, was given up or came to nothing is a failure, and no row that was answered', async () => {
  await using bench = await openBench({ maxQueueRows: 1 })
  const session = await bench.infer.open(await bench.source('model:flight@1'))
  await expect(session.predict(flight('THROW'))).rejects.toMatchObject({ code: 'MODEL_FAILED' })
  const left = session.predict(flight('ATL'), { signal: AbortSignal.abort() })
  await expect(left).rejects.toMatchObject({ code: 'CANCELLED' })
  const busy = session.predict(flight('WAIT'))
  await expect.poll(() => bench.infer.stats().workers[0]?.state, { interval: 1 }).toBe('busy')
  const controller = new AbortController()
  const waiting = session.predict(flight('ATL'), { signal: controller.signal })
  await expect(session.predict(flight('ATL'))).rejects.toMatchObject({ code: 'OVERLOADED' })
  controller.abort()
  await expect(waiting).rejects.toMatchObject({ code: 'CANCELLED' })
  await bench.release()
  await busy
  expect(session.statistics()).toMatchObject({
    rows: 1,
    executions: 2,
    rowsRun: 2,
    success: { count: 1 },
    fail: { count: 4 },
    queue: { count: 1 },
  })
})

test('waiting is counted for each ask, an execution for each of its asks and once by its size', async () => {
  const clock = fakeClock('2001-02-03T00:00:00.000Z')
  await using bench = await openBench({ clock })
  const session = await bench.infer.open(await bench.source('model:flight@1'))
  expect(session.statistics()).toMatchObject({ lastAtMs: undefined, rows: 0, batches: [] })
  const busy = session.predict(flight('WAIT'))
  await expect.poll(() => bench.infer.stats().workers[0]?.state, { interval: 1 }).toBe('busy')
  const first = session.predict(flight('ATL'))
  clock.advance(1_000)
  const second = session.predict(flight('ATL'))
  clock.advance(500)
  await bench.release()
  await Promise.all([busy, first, second])

  const found = session.statistics()
  expect(found).toMatchObject({
    lastAtMs: Date.parse('2001-02-03T00:00:01.500Z'),
    rows: 3,
    executions: 2,
    // 0 + 1500 + 500, and the busy one's own 1500 on top.
    queue: { count: 3, ms: 2_000 },
    success: { count: 3, ms: 3_500 },
    fail: { count: 0, ms: 0 },
    batches: [
      { rows: 1, input: { count: 1 }, infer: { count: 1 }, output: { count: 1 } },
      { rows: 2, input: { count: 1 }, infer: { count: 1 }, output: { count: 1 } },
    ],
  })
  const [alone, together] = found.batches
  for (const part of ['input', 'infer', 'output'] as const) {
    expect(found[part].count).toBe(3)
    const [one = 0, two = 0] = [alone?.[part].ms, together?.[part].ms]
    expect(Math.min(one, two)).toBeGreaterThan(0)
    expect(found[part].ms, 'the two shared their execution').toBeCloseTo(one + 2 * two, 9)
  }
})
