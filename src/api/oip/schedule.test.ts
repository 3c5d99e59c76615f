import {
  Client,
  credentials,
  Metadata,
  type ClientUnaryCall,
  type ServiceError,
} from '@grpc/grpc-js'
import { expect, test, vi } from 'vitest'
import { flightAsk } from '../../serve/fixture.ts'
import { openDoors, sending, type Doors } from '../fixture.ts'
import { codecOf } from './grpc-proto.ts'

const INFER = '/v2/models/churn/infer'
const ROW = { name: 'features', datatype: 'FP32', shape: [1, 3], data: [1, 2, 0.5] }

const asked = (parameters: object = {}, inputs: readonly object[] = [ROW]) => ({
  inputs,
  parameters,
})

function statistics({ served }: Doors) {
  const [churn] = served.serve.statistics({ project: 'default', actor: 'local', requestId: 'r' })
  return churn?.statistics
}

/** A call of ModelInfer, to be answered or broken off. */
function callInfer(client: Client, body: object, options: { readonly deadline?: Date } = {}) {
  let call: ClientUnaryCall | undefined
  const error = new Promise<ServiceError | null>((resolve) => {
    call = client.makeUnaryRequest(
      '/inference.GRPCInferenceService/ModelInfer',
      codecOf('InferRequest').encode,
      codecOf('InferReply').decode,
      { model_name: 'churn', inputs: [ROW].map(grpcTensor), ...body },
      new Metadata(),
      options,
      resolve,
    )
  })
  return { error, cancel: () => call?.cancel() }
}

function grpcTensor({ data, ...declared }: typeof ROW) {
  return { ...declared, contents: { fp32_contents: data } }
}

test.for([
  [{ priority: 4 }, /^parameters\.priority: expected 0 \(the default\) or a level from 1/],
  [{ priority: -1 }, /^parameters\.priority/],
  [{ priority: 'high' }, /^parameters\.priority/],
  [{ timeout: -5 }, /^parameters\.timeout: expected a whole number of microseconds/],
] as const)('%j is 400', async ([parameters, message]) => {
  await using doors = await openDoors()
  await doors.releaseChurn()
  expect(await doors.post(INFER, asked(parameters))).toMatchObject({
    status: 400,
    body: { error: expect.stringMatching(message), code: 'INVALID_INPUT' },
  })
})

test.for([
  [{ 'x-gyre-priority': '9' }, /^header x-gyre-priority: expected a whole number from 0 to 3/],
  [{ 'x-gyre-timeout-ms': '1.5' }, /^header x-gyre-timeout-ms/],
] as const)('%j on the simple door is 422', async ([headers, detail]) => {
  await using doors = await openDoors()
  const json = { 'content-type': 'application/json' }
  expect(
    await doors.post('/predict', { features: [1, 2, 3] }, { ...json, ...headers }),
  ).toMatchObject({ status: 422, body: { detail: expect.stringMatching(detail) } })
})

test('a request whose time passes in the queue is answered as Triton does, by every door, and never run', async () => {
  await using doors = await openDoors()
  await doors.releaseChurn()
  const client = new Client(await doors.grpc(), credentials.createInsecure())
  await doors.occupy()
  const timeout = 20_000
  expect(await doors.post(INFER, asked({ timeout }))).toMatchObject({
    status: 503,
    body: { error: 'model:churn@1: no answer before the deadline', code: 'TIMEOUT' },
  })
  const { error } = callInfer(client, { parameters: { timeout: { int64_param: timeout } } })
  const refused = await error
  expect(refused).toMatchObject({ code: 14, details: expect.stringContaining('deadline') })
  expect(refused?.metadata.get('x-gyre-code')).toEqual(['TIMEOUT'])
  const simple = { 'content-type': 'application/json', 'x-gyre-timeout-ms': '20' }
  expect(await doors.post('/predict/churn', { features: [1, 2, 0.5] }, simple)).toMatchObject({
    status: 504,
    body: { code: 'TIMEOUT' },
  })
  await doors.served.bench.release()
  expect(await doors.post(INFER, asked({ timeout: 0 }))).toMatchObject({ status: 200 })
  expect(statistics(doors)).toMatchObject({ rows: 1, rowsRun: 1, fail: { count: 3 } })
  client.close()
})

test('what waits too long already is refused at once, saying when to come back', async () => {
  await using doors = await openDoors({ maxQueueRows: 2 })
  await doors.releaseChurn()
  const client = new Client(await doors.grpc(), credentials.createInsecure())
  await doors.post(INFER, asked())
  await doors.occupy()
  const waiting = doors.post(INFER, asked())
  await vi.waitFor(() =>
    expect(doors.served.bench.infer.stats().sessions).toContainEqual(
      expect.objectContaining({ queued: 1 }),
    ),
  )
  const soon = await doors.post(INFER, asked({ timeout: 1 }))
  expect(soon).toMatchObject({ status: 429, body: { code: 'OVERLOADED' } })
  expect(soon.headers['retry-after']).toMatch(/^[1-9]\d*$/)
  const urgent = await doors.post(INFER, asked({ timeout: 1, priority: 1 }))
  expect(urgent, 'nothing goes before it').toMatchObject({ status: 503 })

  const full = doors.post(INFER, asked({}, [{ ...ROW, shape: [2, 3], data: [1, 2, 3, 4, 5, 6] }]))
  await vi.waitFor(() =>
    expect(doors.served.bench.infer.stats().sessions).toContainEqual(
      expect.objectContaining({ queued: 3 }),
    ),
  )
  expect(await doors.post(INFER, asked())).toMatchObject({ status: 429 })
  const exhausted = await callInfer(client, {}).error
  expect(exhausted).toMatchObject({ code: 8 })
  expect(exhausted?.metadata.get('retry-after')).toEqual(['1'])
  expect(await doors.ask('GET', '/v2/health/ready'), 'health never queues').toMatchObject({
    status: 200,
  })
  await doors.served.bench.release()
  expect(await Promise.all([waiting, full])).toMatchObject([{ status: 200 }, { status: 200 }])
  client.close()
})

test('the work of a client that left is never run, over HTTP, gRPC and the simple door', async () => {
  await using doors = await openDoors()
  await doors.releaseChurn()
  const client = new Client(await doors.grpc(), credentials.createInsecure())
  await doors.occupy()
  const queued = () =>
    doors.served.bench.infer.stats().sessions.reduce((sum, session) => sum + session.queued, 0)
  const json = { 'content-type': 'application/json' }
  const bodies = [
    [INFER, asked()],
    ['/predict/churn', { features: [1, 2, 0.5] }],
    ['/predict/delay', { features: [1, 2, 0.5] }],
  ] as const
  for (const [path, body] of bodies) {
    const sent = sending(doors.port, 'POST', path, json).on('error', () => undefined)
    sent.end(JSON.stringify(body))
    await vi.waitFor(() => expect(queued()).toBe(1))
    sent.destroy()
    await vi.waitFor(() => expect(queued()).toBe(0))
  }
  const left = callInfer(client, {})
  await vi.waitFor(() => expect(queued()).toBe(1))
  left.cancel()
  expect(await left.error).toMatchObject({ code: 1 })
  await vi.waitFor(() => expect(queued()).toBe(0))
  const late = callInfer(client, {}, { deadline: new Date(Date.now() + 300) })
  expect(await late.error).toMatchObject({ code: 4 })
  await vi.waitFor(() => expect(queued()).toBe(0))
  await doors.served.bench.release()
  expect(await doors.post(INFER, asked())).toMatchObject({ status: 200 })
  expect(statistics(doors)).toMatchObject({ rowsRun: 1, fail: { count: 4 } })
  client.close()
})

test('of what waits the urgent goes first, whichever door it came by', async () => {
  await using doors = await openDoors({ maxBatch: 1 })
  await doors.occupy()
  const { serve } = doors.served
  const order: string[] = []
  const ask = async (name: string, priority?: number): Promise<void> => {
    const schedule = { priority }
    const vector = { input: undefined, features: [1, 2, 0.5], schedule }
    await serve.predict(
      { project: 'default', actor: 'local', requestId: 'r' },
      'delay',
      flightAsk(vector),
      undefined,
    )
    order.push(name)
  }
  const asks = [ask('late', 3), ask('usual'), ask('usual too', 2), ask('urgent', 1)]
  await doors.served.bench.release()
  await Promise.all(asks)
  expect(order).toEqual(['urgent', 'usual', 'usual too', 'late'])
})
