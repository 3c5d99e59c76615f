import { expect, test, vi } from 'vitest'
import { digestOfJson } from '../core/digest.ts'
import { LINEAR3_OF_1_2_HALF } from '../infer/fixture.ts'
import { ctx, DELAY, flightAsk, openServe, type ServeBench } from './fixture.ts'

const PRIMARY = 'model:delay@1'

async function withShadow(served: ServeBench, model: string, sampleBp = 10_000, tolerance = 1e-6) {
  const shadow = { model, releaseId: 'rel_1', sampleBp, tolerance }
  await served.route('delay', { stable: PRIMARY, shadow })
  await served.serve.ready()
}

const predict = ({ serve }: ServeBench, change: object = {}) =>
  serve.predict(ctx, 'delay', flightAsk(change), undefined)

test('a shadow that ends its worker, would not load or fails changes no reply', async () => {
  for (const [model, error] of [
    ['model:deadly@1', 'UNAVAILABLE'],
    ['model:corrupt@1', 'UNAVAILABLE'],
    ['model:broken@1', 'MODEL_FAILED'],
  ] as const) {
    await using served = await openServe()
    await withShadow(served, model)
    for (const subject of ['a', 'b', 'c']) {
      const { reply } = await predict(served, { subject })
      expect(reply).toMatchObject({ variant: 'stable', model_version: PRIMARY })
    }
    await vi.waitFor(() => expect(served.shadows).toHaveLength(3), 20_000)
    expect(served.shadows.every((one) => one.end === 'failed' && one.error === error)).toBe(true)
    expect(served.outcomes).toMatchObject(served.outcomes.map(() => ({ failed: false })))
    const primary = served.bench.infer.stats()
    expect(primary.workers).toMatchObject([{ restarts: 0 }])
    expect(primary.sessions.map(({ key }) => key)).toEqual([PRIMARY])
  }
})

test('what a stuck shadow cannot take is dropped and counted, and replies go out meanwhile', async () => {
  await using served = await openServe()
  await withShadow(served, 'model:waiting@1')
  const replies = await Promise.all(
    Array.from({ length: 80 }, (_, i) => predict(served, { subject: `s${i}` })),
  )
  expect(replies.every(({ reply }) => reply.variant === 'stable')).toBe(true)
  const ended = (end: string) => served.shadows.filter((one) => one.end === end).length
  // One is being asked, 64 wait.
  await vi.waitFor(() => expect(ended('dropped')).toBe(15))
  await served.bench.release()
  await vi.waitFor(() => expect(ended('compared')).toBe(65), 20_000)
})

test('closing drops what waits for a shadow', async () => {
  await using served = await openServe()
  await withShadow(served, 'model:waiting@1')
  for (const subject of ['a', 'b', 'c']) await predict(served, { subject })
  const closed = served.serve.close()
  await served.bench.release()
  await closed
  expect(served.shadows.length).toBeLessThan(3)
})

test('the same model agrees, another one by how far it is off, each by the id of the prediction', async () => {
  await using served = await openServe()
  await withShadow(served, 'model:delay@2')
  const { reply } = await predict(served)
  await vi.waitFor(() => expect(served.shadows).toHaveLength(1), 20_000)
  expect(served.shadows[0]).toMatchObject({
    flight: { id: reply.prediction_id },
    model: 'model:delay@2',
    releaseId: 'rel_1',
    end: 'compared',
    agree: true,
    maxAbsDiff: 0,
    inputs: digestOfJson(flightAsk().input),
    shadowMs: expect.any(Number),
  })

  await withShadow(served, 'model:other@1', 10_000, 1e-4)
  await predict(served)
  await vi.waitFor(() => expect(served.shadows).toHaveLength(2), 20_000)
  const [, other] = served.shadows
  // sigmoid(0.5·10 − 0.25·2 + 2·0.5 + 0.1) and, with a rate of 1, sigmoid(0.5·10 − 0.25·1 + 2·0.5 + 0.1).
  const apart = 1 / (1 + Math.exp(-5.85)) - 1 / (1 + Math.exp(-5.6))
  expect(other).toMatchObject({ agree: false, maxAbsDiff: expect.closeTo(apart, 6) })
})

test('a share of the requests is a share, the same by the same ids', async () => {
  await using served = await openServe()
  await withShadow(served, 'model:delay@2', 1)
  for (let i = 0; i < 20; i++) await predict(served, { subject: `s${i}` })
  await served.landed()
  expect(served.shadows.length).toBeLessThan(3)
})

test('a shadow of tensors compares every output', async () => {
  await using served = await openServe()
  await served.declare({ ...DELAY, takes: 'tensors', input: {} })
  await withShadow(served, 'model:delay@2')
  const data = Float32Array.of(1, 2, 0.5)
  const inputs = [{ name: 'features', datatype: 'FP32' as const, shape: [1, 3], data }]
  const rest = { subject: undefined, at: undefined, version: undefined }
  const request = { ...rest, inputs, schedule: {} }
  const { outputs } = await served.serve.infer(ctx, 'delay', request, undefined)
  expect(outputs[0]?.data[0]).toBeCloseTo(LINEAR3_OF_1_2_HALF, 6)
  await vi.waitFor(() => expect(served.shadows).toHaveLength(1), 20_000)
  expect(served.shadows[0]).toMatchObject({ end: 'compared', agree: true, maxAbsDiff: 0 })
})
