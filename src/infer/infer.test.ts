import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  flight,
  FLIGHT_FROM_ATL,
  flightSpec,
  LINEAR3_OF_1_2_HALF,
  LINEAR3_ONNX,
  logitsOnnx,
  openBench,
  type Bench,
  WRONG_OUTPUT_ONNX,
} from './fixture.ts'
import type { ModelRow, Session } from './session.ts'

let shared: Bench
let served: Session

beforeAll(async () => {
  shared = await openBench()
  served = await shared.infer.open(await shared.source('model:flight@1'))
})
afterAll(() => shared[Symbol.asyncDispose]())

const CODE = flightSpec().code
const calendarFrom = (chunk: string, name = 'calendar') => ({
  code: CODE && {
    ...CODE,
    transforms: { calendar: { chunk, export: name, from: ['date', 'origin'], gives: ['hour'] } },
  },
})

test.for([
  ['a file cut short', {}, LINEAR3_ONNX.subarray(0, 100), /model/],
  ['a file that is no ONNX', {}, Buffer.from('hello'), /model/],
  ['another output', {}, WRONG_OUTPUT_ONNX, /outputs: expected probability or logits, FP32, got p/],
  [
    'a third class',
    {},
    logitsOnnx([
      [1, 2, 3],
      [1, 2, 3],
      [1, 2, 3],
    ]),
    /logits: expected 1 or 2 numbers a row, got 3/,
  ],
  [
    'fewer inputs than the graph',
    { inputs: flightSpec().inputs.slice(1) },
    LINEAR3_ONNX,
    /shape \[-1,2\]/,
  ],
  [
    'a field that is not declared',
    { fields: { date: 'timestamp' } },
    LINEAR3_ONNX,
    /fields\.origin/,
  ],
  ['no rate table', { rates: {} }, LINEAR3_ONNX, /rates\.origin_rate/],
  ['no code', { code: null }, LINEAR3_ONNX, /code\.transforms\.calendar/],
  ['a chunk that is not there', calendarFrom('gone.mjs'), LINEAR3_ONNX, /gone\.mjs/],
  ['a chunk outside the bundle', calendarFrom('../x.mjs'), LINEAR3_ONNX, /outside its bundle/],
  ['an export that is not there', calendarFrom('calendar.mjs', 'almanac'), LINEAR3_ONNX, /almanac/],
] as const)(
  '%s is refused at open and leaves other models alone',
  async ([, change, onnx, message]) => {
    const bad = shared.infer.open(await shared.source('model:bad@1', change, onnx))
    await expect(bad).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      message: expect.stringMatching(message),
    })
    await expect(served.predict(flight('ATL'))).resolves.toMatchObject({
      score: expect.any(Number),
    })
    expect(shared.infer.stats().sessions.map(({ key }) => key)).toEqual(['model:flight@1'])
  },
)

test('a model without its file is not found', async () => {
  const source = { ...(await shared.source('model:gone@1')), onnxPath: '/nowhere/model.onnx' }
  await expect(shared.infer.open(source)).rejects.toMatchObject({ code: 'NOT_FOUND' })
})

test.for([
  [{ kind: 'vector', values: [1, 2] }, /values: .* expects 3 values, got 2/],
  [{ kind: 'fields', fields: [1], features: [0] }, /fields: .* expects 2 values, got 1/],
  [{ kind: 'fields', fields: [1, 'ATL'], features: [] }, /features: .* expects 1 values, got 0/],
] as const satisfies readonly (readonly [ModelRow, RegExp])[])(
  'a row of the wrong length is refused: %o',
  async ([row, message]) => {
    await expect(served.predict(row)).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      message: expect.stringMatching(message),
    })
  },
)

test('a vector gets the score numpy computes, and comes back for the log', async () => {
  const answer = await served.predict({ kind: 'vector', values: [1, 2, 0.5] })
  expect(answer.score).toBeCloseTo(LINEAR3_OF_1_2_HALF, 6)
  expect([...answer.inputs]).toEqual([1, 2, 0.5])
})

const TWO_CLASSES = [
  [1, 2],
  [-1, 0.5],
  [0, 4],
]

// scipy 1.17: [softmax([x · W])[1] for x in (...)], where the naive exp(2000) overflows.
test.for([
  [TWO_CLASSES, [1, 2, 0.5], 0.9975273768433653],
  [TWO_CLASSES, [0.25, 0, 0], 0.5621765008857981],
  [TWO_CLASSES, [1000, 0, 0], 1],
  [TWO_CLASSES, [-1000, 0, 0], 0],
  [TWO_CLASSES.map(([, one = 0]) => [one]), [1, 2, 0.5], 0.9933071490757153],
  [TWO_CLASSES.map(([, one = 0]) => [one]), [1000, 0, 0], 1],
] as const)('logits %j of %j are a probability of %d', async ([weights, values, expected]) => {
  const session = await shared.infer.open(
    await shared.source(`model:logits@${weights[0]?.length}`, {}, logitsOnnx(weights)),
  )
  const { score } = await session.predict({ kind: 'vector', values })
  expect(score).toBeCloseTo(expected, 7)
  session.close()
})

test('fields become the vector: a transform sees a Date, a category its rate, a feature its value', async () => {
  expect(served.fieldNames).toEqual(['date', 'origin'])
  expect(served.featureNames).toEqual(['at_origin:lateRate'])
  const known = await served.predict(flight('ATL'))
  expect(known.score).toBeCloseTo(FLIGHT_FROM_ATL, 7)
  expect([...known.inputs]).toEqual([10, 2, 0.5])
  const unseen = await served.predict(flight('ZZZ'))
  expect([...unseen.inputs], 'an unseen category has the default rate').toEqual([10, 0.25, 0.5])
})

test('opening a model twice at once loads it once, and it stays until both leases are closed', async () => {
  await using bench = await openBench({ memoryBudgetBytes: LINEAR3_ONNX.length })
  const source = await bench.source('model:flight@1')
  const [one, two] = await Promise.all([bench.infer.open(source), bench.infer.open(source)])
  expect(bench.infer.stats().sessions).toMatchObject([{ key: 'model:flight@1', leases: 2 }])
  one.close()
  one.close()
  const other = await bench.source('model:other@1')
  await expect(bench.infer.open(other)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  await expect(two.predict(flight('ATL'))).resolves.toMatchObject({ score: expect.any(Number) })
  two.close()
  await bench.infer.open(other)
  expect(bench.infer.stats().sessions.map(({ key }) => key)).toEqual(['model:other@1'])
})

test('fifty swaps under load lose no request', async () => {
  await using bench = await openBench({ memoryBudgetBytes: 4 * LINEAR3_ONNX.length })
  const answers: Promise<unknown>[] = []
  let current = await bench.infer.open(await bench.source('model:flight@0'))
  const load = (): void => {
    for (let i = 0; i < 8; i++) answers.push(current.predict(flight('ATL')))
  }
  for (let version = 1; version <= 50; version++) {
    load()
    const next = await bench.infer.open(await bench.source(`model:flight@${version}`))
    load()
    current.close()
    current = next
    load()
  }
  const settled = await Promise.allSettled(answers)
  expect(settled.filter(({ status }) => status === 'rejected')).toEqual([])
  expect(answers).toHaveLength(1200)
  expect(bench.infer.stats().sessions.length).toBeLessThanOrEqual(4)
})

test('closing answers what was accepted and refuses what comes after', async () => {
  await using bench = await openBench()
  const session = await bench.infer.open(await bench.source('model:flight@1'))
  const answers = Array.from({ length: 100 }, () => session.predict(flight('ATL')))
  const closed = bench.infer.close()
  await expect(session.predict(flight('ATL'))).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  await expect(Promise.all(answers)).resolves.toHaveLength(100)
  await closed
})

test('workers started ahead take the first model, and starting again starts no more', async () => {
  await using bench = await openBench({ workers: 2 })
  bench.infer.start()
  bench.infer.start()
  const idle = { state: 'idle', restarts: 0 }
  await expect
    .poll(() => bench.infer.stats().workers, { interval: 1, timeout: 10_000 })
    .toEqual([idle, idle])
  const session = await bench.infer.open(await bench.source('model:flight@1'))
  await expect(session.predict(flight('ATL'))).resolves.toMatchObject({ score: expect.any(Number) })
  expect(bench.infer.stats().workers).toHaveLength(2)
})
