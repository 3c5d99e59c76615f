import { expect, test } from 'vitest'
import { fakeClock } from '../core/clock.ts'
import { flight, handTimers, openBench, type Bench } from './fixture.ts'
import { BACKGROUND_PRIORITY } from './schedule.ts'
import type { ModelAnswer, Session } from './session.ts'

/** A session whose only worker is busy with a row until `bench.release()`. */
async function busySession(
  bench: Bench,
): Promise<{ session: Session; first: Promise<ModelAnswer> }> {
  const session = await bench.infer.open(await bench.source('model:flight@1'))
  const first = session.predict(flight('WAIT'))
  await expect.poll(() => bench.infer.stats().workers[0]?.state, { interval: 1 }).toBe('busy')
  return { session, first }
}

test('rows beyond the queue are refused with a time to come back', async () => {
  await using bench = await openBench({ maxQueueRows: 2 })
  const { session, first } = await busySession(bench)
  const waiting = [session.predict(flight('ATL')), session.predict(flight('ATL'))]
  await expect(session.predict(flight('ATL'))).rejects.toMatchObject({
    code: 'OVERLOADED',
    details: { retryAfterS: 1, queued: 2 },
  })
  await bench.release()
  await expect(Promise.all([first, ...waiting])).resolves.toHaveLength(3)
})

test('patient rows wait until no others do, and take nobody the room in the queue', async () => {
  await using bench = await openBench({ maxQueueRows: 2, maxBatch: 1 })
  const { session, first } = await busySession(bench)
  const patient = await bench.infer.open(await bench.source('model:flight@1'), BACKGROUND_PRIORITY)
  const order: string[] = []
  const ask = async (by: Session, name: string) => {
    await by.predict(flight('ATL'))
    order.push(name)
  }
  const asked = [ask(patient, 'p1'), ask(patient, 'p2'), ask(session, 'a'), ask(session, 'b')]
  await expect(session.predict(flight('ATL'))).rejects.toMatchObject({ code: 'OVERLOADED' })
  await expect(patient.predict(flight('ATL'))).rejects.toMatchObject({ code: 'OVERLOADED' })
  await bench.release()
  await Promise.all([first, ...asked])
  expect(order).toEqual(['a', 'b', 'p1', 'p2'])
})

test('an aborted row leaves the queue and never runs', async () => {
  await using bench = await openBench()
  const { session, first } = await busySession(bench)
  const controller = new AbortController()
  const row = session.predict(flight('ATL'), { signal: controller.signal })
  const kept = session.predict(flight('ATL'))
  controller.abort()
  await expect(row).rejects.toMatchObject({ code: 'CANCELLED' })
  await bench.release()
  await Promise.all([first, kept])
  expect(bench.infer.stats().sessions).toMatchObject([{ rows: 2, queued: 0 }])
  await expect(session.predict(flight('ATL'), { signal: controller.signal })).rejects.toMatchObject(
    {
      code: 'CANCELLED',
    },
  )
})

test('a row past its deadline leaves the queue and never runs; one under way is let go', async () => {
  const clock = fakeClock()
  const timers = handTimers()
  await using bench = await openBench({ clock, timers })
  const { session } = await busySession(bench)
  const running = session.predict(flight('WAIT'), { deadlineMs: 1_000 })
  const later = session.predict(flight('ATL'), { deadlineMs: 1_500 })
  clock.advance(1_000)
  timers.fire(1_000)
  await expect(running).rejects.toMatchObject({ code: 'TIMEOUT' })
  clock.advance(500)
  timers.fire(500)
  await expect(later).rejects.toMatchObject({ code: 'TIMEOUT' })
  await bench.release()
  await expect(session.predict(flight('ATL'))).resolves.toMatchObject({ score: expect.any(Number) })
  expect(bench.infer.stats().sessions).toMatchObject([{ rows: 2, queued: 0 }])
})

test('rows that come while the worker is busy go as one batch, up to its limit', async () => {
  await using bench = await openBench({ maxBatch: 32 })
  const { session, first } = await busySession(bench)
  const rows = Array.from({ length: 70 }, (_, i) =>
    session.predict({ kind: 'vector', values: [i, 0, 0] }),
  )
  await bench.release()
  await first
  const answers = await Promise.all(rows)
  expect(
    answers.map(({ inputs }) => inputs[0]),
    'each row gets its own answer',
  ).toEqual(rows.map((_, i) => i))
  expect(bench.infer.stats().sessions, '1, then 32, 32 and 6').toMatchObject([
    { rows: 71, batches: 4 },
  ])
})

test('a row of a batch that fails takes no other with it', async () => {
  await using bench = await openBench()
  const session = await bench.infer.open(await bench.source('model:flight@1'))
  const origins = ['ATL', 'THROW', 'TEXT', 'PROMISE', 'NAN', 'ATL']
  const settled = await Promise.allSettled(origins.map((origin) => session.predict(flight(origin))))
  expect(
    settled.map((s) => (s.status === 'rejected' ? s.reason.message : s.value.inputs[0])),
  ).toEqual([
    10,
    'model:flight@1: transform calendar: no such airport',
    'model:flight@1: transform calendar: hour: expected a number or null, got string',
    'model:flight@1: transform calendar: hour: expected a number or null, got undefined',
    'model:flight@1: the score is NaN',
    10,
  ])
  expect(bench.infer.stats().sessions).toMatchObject([{ rows: 6, batches: 1, failures: 4 }])
  const codes = settled.flatMap((s) => (s.status === 'rejected' ? [s.reason.code] : []))
  expect(new Set(codes)).toEqual(new Set(['MODEL_FAILED']))
})
