import { writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { fakeClock } from '../core/clock.ts'
import { encodeOnnx } from '../core/formats/onnx-writer.ts'
import type { Tensor } from '../core/tensor.ts'
import { LINEAR3_OF_1_2_HALF, LINEAR3_ONNX, handTimers, openBench, type Bench } from './fixture.ts'
import type { GraphSource } from './session.ts'

let bench: Bench

beforeAll(async () => {
  bench = await openBench({ workers: 1, maxBatch: 32 })
})
afterAll(() => bench[Symbol.asyncDispose]())

/** A row less the mean of all rows: what one gets depends on whom it is with. */
const CENTRED = encodeOnnx({
  name: 'centred',
  inputs: [{ name: 'x', shape: ['rows', 2] }],
  outputs: [{ name: 'y', shape: ['rows', 2] }],
  nodes: [
    {
      operator: 'ReduceMean',
      inputs: ['x'],
      outputs: ['mean'],
      attributes: { axes: { type: 'ints', value: [0] } },
    },
    { operator: 'Sub', inputs: ['x', 'mean'], outputs: ['y'] },
  ],
  constants: [],
  opsets: { '': 17 },
  metadata: {},
})

const features = (rows: readonly (readonly number[])[]): Tensor => ({
  name: 'features',
  datatype: 'FP32',
  shape: [rows.length, 3],
  data: Float32Array.from(rows.flat()),
})

const pair = (...row: readonly number[]): Tensor => ({
  name: 'x',
  datatype: 'FP32',
  shape: [1, 2],
  data: Float32Array.from(row),
})

async function sourceOf(key: string, onnx: Uint8Array, maxBatch = 32): Promise<GraphSource> {
  const { onnxPath } = await bench.source(key, {}, onnx)
  return { kind: 'graph', key, onnxPath, beside: [], maxBatch }
}

test('what is no ONNX is refused, and nothing of it stays', async () => {
  const opened = bench.infer.openGraph(await sourceOf('model:bad@1', Buffer.from('hello')))
  await expect(opened).rejects.toMatchObject({
    code: 'INVALID_INPUT',
    message: expect.stringContaining('model:bad@1'),
  })
  expect(bench.infer.stats().sessions).toEqual([])
})

test('a graph says what it takes and gives, and whether callers may share a run', async () => {
  const session = await bench.infer.openGraph(await sourceOf('model:declared@1', LINEAR3_ONNX))
  expect(session.graph).toEqual({
    inputs: [{ name: 'features', datatype: 'FP32', shape: [-1, 3] }],
    outputs: [{ name: 'probability', datatype: 'FP32', shape: [-1, 1] }],
    operators: { probability: 'Sigmoid' },
    batches: true,
    maxBatch: 32,
  })
  session.close()
})

test('callers share a run and each gets the rows that are its own', async () => {
  const session = await bench.infer.openGraph(await sourceOf('model:linear@1', LINEAR3_ONNX))
  const asks = [
    [[1, 2, 0.5]],
    [
      [0, 0, 0],
      [1, 2, 0.5],
    ],
    [[4, 0, 0]],
  ]
  const answers = await Promise.all(asks.map((rows) => session.infer({ inputs: [features(rows)] })))
  // sigmoid(0.1) and sigmoid(2.1) by numpy 2.4.
  const expected = [
    [LINEAR3_OF_1_2_HALF],
    [0.52497918747894, LINEAR3_OF_1_2_HALF],
    [0.8909031788043871],
  ]
  for (const [i, [output]] of answers.entries()) {
    expect(output).toMatchObject({ name: 'probability', shape: [asks[i]?.length, 1] })
    const given = [...(output?.data ?? [])].map(Number)
    expect(given).toHaveLength(expected[i]?.length ?? 0)
    for (const [row, value] of given.entries())
      expect(value).toBeCloseTo(expected[i]?.[row] ?? 0, 6)
  }
  const { sessions } = bench.infer.stats()
  const linear = sessions.find(({ key }) => key === 'model:linear@1')
  expect(linear).toMatchObject({ rows: 4, batches: 1 })
  session.close()
})

test('rows whose answer depends on their company are never put into any', async () => {
  const session = await bench.infer.openGraph(await sourceOf('model:centred@1', CENTRED))
  const answers = await Promise.all([
    session.infer({ inputs: [pair(1, 2)] }),
    session.infer({ inputs: [pair(7, 9)] }),
  ])
  expect(answers.map(([output]) => [...(output?.data ?? [])])).toEqual([
    [0, 0],
    [0, 0],
  ])
  session.close()
})

test('an ask that the graph refuses fails alone, and those beside it are answered', async () => {
  const source = await sourceOf('model:loose@1', LINEAR3_ONNX)
  const session = await bench.infer.openGraph(source)
  const [good, bad] = await Promise.allSettled([
    session.infer({ inputs: [features([[1, 2, 0.5]])] }),
    session.infer({ inputs: [{ ...features([[1, 2]]), shape: [1, 2] }] }),
  ])
  expect(good).toMatchObject({ status: 'fulfilled' })
  expect(bad).toMatchObject({ status: 'rejected', reason: { code: 'MODEL_FAILED' } })
  session.close()
})

/**
 * y = x · [2, 3] with its weights in `w.data`: written by the Python package onnx 1.23.2
 * (`save_model(…, save_as_external_data=True, location='w.data', size_threshold=0)`).
 */
const EXTERNAL = Buffer.from(
  'CAg6fQoRCgF4CgF3EgF5IgZNYXRNdWwSAWcqOQgCCAEQAUIBd2oSCghsb2NhdGlvbhIGdy5kYXRhagsKBm9mZnNldBIBMGoLCgZsZW5ndGgSAThwAVoUCgF4Eg8KDQgBEgkKAxIBbgoCCAJiFAoBeRIPCg0IARIJCgMSAW4KAggBQgQKABAR',
  'base64',
)

test('weights are read from a file that was brought with the graph, and from no other', async () => {
  const source = await sourceOf('model:external@1', EXTERNAL)
  await expect(bench.infer.openGraph(source)).rejects.toMatchObject({
    code: 'INVALID_INPUT',
    message: expect.stringContaining('brought with it, not in "w.data"'),
  })
  const path = `${source.onnxPath}.w`
  await writeFile(path, new Uint8Array(Float32Array.of(2, 3).buffer))
  const beside = [
    { location: 'conda.yaml', path: '/nowhere' },
    { location: 'w.data', path },
  ]
  const key = 'model:external@2'
  await expect(bench.infer.openGraph({ ...source, key, beside })).rejects.toMatchObject({
    code: 'NOT_FOUND',
  })
  const session = await bench.infer.openGraph({ ...source, key, beside: beside.slice(1) })
  const [y] = await session.infer({ inputs: [pair(10, 1)] })
  expect(y).toMatchObject({ shape: [1, 1], data: Float32Array.of(23) })
  session.close()
})

test('rows wait for company as long as they were told, and on as many workers', async () => {
  const [clock, timers] = [fakeClock(), handTimers()]
  await using patient = await openBench({ workers: 2, clock, timers })
  const { onnxPath } = await patient.source('model:patient@1', {}, LINEAR3_ONNX)
  const runs = { shares: true, preferredRows: [2], maxDelayUs: 50_000, workers: 1 }
  const source = {
    kind: 'graph',
    key: 'model:patient@1',
    onnxPath,
    maxBatch: 8,
    beside: [],
    runs,
  } as const
  const session = await patient.infer.openGraph(source)
  const stats = () => patient.infer.stats().sessions[0]
  const ask = () => session.infer({ inputs: [features([[1, 2, 0.5]])] })

  const first = ask()
  await new Promise((resolve) => setImmediate(resolve))
  await new Promise((resolve) => setImmediate(resolve))
  expect(stats()).toMatchObject({ queued: 1, batches: 0, bytes: LINEAR3_ONNX.length })
  await Promise.all([first, ask()])
  expect(stats()).toMatchObject({ rows: 2, batches: 1 })

  const alone = ask()
  await new Promise((resolve) => setImmediate(resolve))
  await new Promise((resolve) => setImmediate(resolve))
  expect(stats()).toMatchObject({ queued: 1, batches: 1 })
  clock.advance(50)
  timers.fire(50)
  await alone
  expect(stats()).toMatchObject({ rows: 3, batches: 2 })
  session.close()
})
