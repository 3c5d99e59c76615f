import { expect, test } from 'vitest'
import { fakeClock } from '../core/clock.ts'
import { flight, flightSpec, handTimers, openBench, slowOnnx } from './fixture.ts'
import type { ModelAnswer } from './session.ts'

const UNAVAILABLE = { code: 'UNAVAILABLE' }

test('a row that ends its worker is tried once more and then refused; its batch is answered', async () => {
  await using bench = await openBench()
  const session = await bench.infer.open(await bench.source('model:flight@1'))
  const [poison, ...others] = ['EXIT', 'ATL', 'ATL', 'ATL'].map((o) => session.predict(flight(o)))
  await expect(poison).rejects.toMatchObject({
    ...UNAVAILABLE,
    message: 'model:flight@1: the worker died twice: the inference worker exited with code 7',
  })
  await expect(Promise.all(others)).resolves.toHaveLength(3)
  expect(bench.infer.stats().workers).toMatchObject([{ restarts: 2 }])
  expect(session.failed, 'two crashes are no loop').toBeUndefined()
})

test('a second worker answers while the first is dead', async () => {
  await using bench = await openBench({ workers: 2 })
  const session = await bench.infer.open(await bench.source('model:flight@1'))
  const rows = ['EXIT', ...Array.from({ length: 20 }, () => 'ATL')]
  const settled = await Promise.allSettled(rows.map((origin) => session.predict(flight(origin))))
  expect(settled.filter(({ status }) => status === 'rejected')).toMatchObject([
    { reason: UNAVAILABLE },
  ])
  expect(settled[0]?.status).toBe('rejected')
})

test('a loop without end is cut off by the watchdog, twice', async () => {
  const timers = handTimers()
  await using bench = await openBench({ timers, batchTimeoutMs: 7_000 })
  const session = await bench.infer.open(await bench.source('model:flight@1'))
  const row = session.predict(flight('HANG'))
  const restarts = (): number | undefined => bench.infer.stats().workers[0]?.restarts
  const isBusy = (): boolean => bench.infer.stats().workers[0]?.state === 'busy'
  await expect.poll(isBusy, { interval: 1 }).toBe(true)
  timers.fire(7_000)
  expect(restarts()).toBe(1)
  // The new worker first loads the model under another time-out, then meets the row again.
  await expect.poll(() => (timers.fire(7_000), restarts()), { interval: 1, timeout: 9_000 }).toBe(2)
  await expect(row).rejects.toMatchObject({
    ...UNAVAILABLE,
    message: 'model:flight@1: the worker died twice: no answer within 7000 ms',
  })
})

test('three crashes within a minute fail the model alone; a minute later it is tried again', async () => {
  const clock = fakeClock()
  await using bench = await openBench({ clock })
  const bad = await bench.infer.open(await bench.source('model:bad@1'))
  const good = await bench.infer.open(await bench.source('model:good@1'))
  await expect(bad.predict(flight('EXIT'))).rejects.toMatchObject(UNAVAILABLE)
  await expect(bad.predict(flight('EXIT'))).rejects.toMatchObject(UNAVAILABLE)
  expect(bad.failed).toMatch(/crashed its worker 3 times within a minute/)
  await expect(bad.predict(flight('ATL'))).rejects.toMatchObject(UNAVAILABLE)
  await expect(good.predict(flight('ATL'))).resolves.toMatchObject({ score: expect.any(Number) })
  expect(good.failed).toBeUndefined()
  clock.advance(60_000)
  expect(bad.failed).toBeUndefined()
  await expect(bad.predict(flight('ATL'))).resolves.toMatchObject({ score: expect.any(Number) })
})

test('user code that writes to its port costs its worker, not the server', async () => {
  await using bench = await openBench()
  const session = await bench.infer.open(await bench.source('model:flight@1'))
  const rows = Promise.allSettled(['PORT', 'ATL'].map((o) => session.predict(flight(o))))
  await expect(rows).resolves.toMatchObject([
    {
      status: 'rejected',
      reason: { code: 'UNAVAILABLE', message: expect.stringContaining('wrote to the port') },
    },
    { status: 'fulfilled', value: { inputs: new Float32Array([10, 2, 0.5]) } },
  ])
  await expect(session.predict(flight('ATL'))).resolves.toMatchObject({ score: expect.any(Number) })
})

test('a promise left to reject fails no row and no worker', async () => {
  await using bench = await openBench()
  const session = await bench.infer.open(await bench.source('model:flight@1'))
  const answers: ModelAnswer[] = []
  for (const origin of ['STRAY', 'ATL', 'STRAY'])
    answers.push(await session.predict(flight(origin)))
  expect(answers).toHaveLength(3)
  expect(bench.infer.stats().workers).toMatchObject([{ restarts: 0 }])
})

test('an error thrown after the reply costs the worker, and the next row is answered by another', async () => {
  await using bench = await openBench()
  const session = await bench.infer.open(await bench.source('model:flight@1'))
  await session.predict(flight('LATE'))
  await bench.release()
  await expect.poll(() => bench.infer.stats().workers[0]?.restarts, { interval: 1 }).toBe(1)
  await expect(session.predict(flight('ATL'))).resolves.toMatchObject({ score: expect.any(Number) })
})

test('code that ends the worker while it is imported fails the open, and the others go on', async () => {
  await using bench = await openBench({ workers: 2 })
  const good = await bench.infer.open(await bench.source('model:good@1'))
  const { code } = flightSpec()
  const calendar = { chunk: 'exits.mjs', export: 'calendar', from: ['date'], gives: ['hour'] }
  const source = await bench.source('model:bad@1', {
    code: code && { ...code, transforms: { calendar } },
  })
  await expect(bench.infer.open(source)).rejects.toMatchObject({ code: 'MODEL_FAILED' })
  await expect(good.predict(flight('ATL'))).resolves.toMatchObject({ score: expect.any(Number) })
  expect(bench.infer.stats().sessions).toHaveLength(1)
})

test('a worker that is ended while its model computes does not take the process along', async () => {
  const timers = handTimers()
  await using bench = await openBench({ timers, batchTimeoutMs: 7_000 })
  const session = await bench.infer.open(await bench.source('model:slow@1', {}, slowOnnx()))
  const rows = Promise.all(Array.from({ length: 32 }, () => session.predict(flight('ATL'))))
  const worker = () => bench.infer.stats().workers[0]
  await expect.poll(() => worker()?.state, { interval: 1 }).toBe('busy')
  timers.fire(7_000)
  expect(worker()?.restarts).toBe(1)
  expect(new Set((await rows).map(({ score }) => score))).toEqual(new Set([0.5]))
})
