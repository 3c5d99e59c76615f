import { gzipSync } from 'node:zlib'
import { Client, credentials } from '@grpc/grpc-js'
import * as fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { LINEAR3_OF_1_2_HALF } from '../../infer/fixture.ts'
import { openDoors, type Doors, type Reply } from '../fixture.ts'
import { JSON_LENGTH_HEADER } from './infer-request.ts'

const INFER = '/v2/models/churn/infer'
const ROW = { name: 'features', datatype: 'FP32', shape: [1, 3], data: [1, 2, 0.5] }

/** What an error begins with: the part of the request that is wrong. */
const NAMES_FIELD =
  /^(body|id|inputs|outputs|parameters|inference-header-content-length|content-encoding)\b/

let doors: Doors

beforeAll(async () => {
  doors = await openDoors()
  await doors.releaseChurn()
})
afterAll(() => doors[Symbol.asyncDispose]())

function expectRefused(reply: Reply): void {
  expect(reply.status).toBeGreaterThanOrEqual(400)
  expect(reply.status).toBeLessThan(500)
  expect(reply.body).toMatchObject({ error: expect.stringMatching(NAMES_FIELD) })
}

/** The one request that is sound is answered: whatever was sent before has harmed nothing. */
async function expectAlive(): Promise<void> {
  expect(await doors.post(INFER, { inputs: [ROW] })).toMatchObject({
    status: 200,
    body: { outputs: [{ data: [expect.closeTo(LINEAR3_OF_1_2_HALF, 6)] }] },
  })
}

const NAMED = [
  [{ ...ROW, shape: [99_999_999_999, 128] }, /^inputs\.features\.shape: .* is more than/],
  [{ ...ROW, shape: [-1, 3] }, /^inputs\.features\.shape: expected whole numbers from 0 on/],
  [{ ...ROW, shape: [2 ** 53, 2 ** 53] }, /^inputs\.features\.shape/],
  [{ ...ROW, shape: [4_294_967_296, 4_294_967_297] }, /^inputs\.features\.shape/],
  [{ ...ROW, shape: [1.5, 2] }, /^inputs\.features\.shape/],
  [{ ...ROW, shape: Array.from({ length: 40 }, () => 1) }, /^inputs\.features\.shape/],
  [{ ...ROW, shape: [0, 3], data: [] }, /^inputs\.features\.shape: expected at least one element/],
  [
    { ...ROW, shape: [3] },
    /^inputs\.features: model:churn@1 expects FP32 \[-1,3\], got FP32 \[3\]/,
  ],
  [{ ...ROW, datatype: 'FP64' }, /^inputs\.features: model:churn@1 expects FP32/],
  [{ ...ROW, datatype: 'float32' }, /^inputs\.features\.datatype/],
  [{ ...ROW, name: 'other' }, /^inputs\.features: missing/],
  [{ ...ROW, data: [[1, 2], [3]] }, /^inputs\.features\.data/],
] as const

test.for(NAMED)('%j is refused by name', async ([tensor, message]) => {
  const reply = await doors.post(INFER, { inputs: [tensor] })
  expectRefused(reply)
  expect(reply.body).toMatchObject({ error: expect.stringMatching(message) })
})

test('bombs, depths, duplicates and lies about lengths are refused by name', async () => {
  const bomb = gzipSync(Buffer.alloc(2_000_000))
  const lying = Buffer.from(JSON.stringify({ inputs: [ROW] }))
  const cases: readonly (readonly [unknown, Record<string, string>])[] = [
    [bomb, { 'content-encoding': 'gzip' }],
    [lying, { 'content-encoding': 'gzip' }],
    [lying, { 'content-encoding': 'br' }],
    [`{"inputs":${'['.repeat(500)}${']'.repeat(500)}}`, {}],
    [{ inputs: [ROW, ROW] }, {}],
    [{ inputs: [ROW], outputs: [{ name: 'nope' }] }, {}],
    ...['-1', '1e2', '999999999999999999999', '0', String(lying.length - 1)].map(
      (length) => [lying, { [JSON_LENGTH_HEADER]: length }] as const,
    ),
  ]
  for (const [body, headers] of cases) {
    const reply = await doors.post(INFER, body, headers)
    expectRefused(reply)
    expect([400, 413, 415]).toContain(reply.status)
  }
  await expectAlive()
})

const dim = fc.oneof(
  fc.integer({ min: -3, max: 5 }),
  fc.constantFrom(99_999_999_999, 2 ** 31, 2 ** 53, 1e308, 0.5, null, '3', true, []),
)
/** Mostly what is sound, so that what is not gets as far as it can. */
function mostly(sound: unknown, ...odd: readonly fc.Arbitrary<unknown>[]): fc.Arbitrary<unknown> {
  const others = odd.map((arbitrary) => ({ weight: 1, arbitrary }))
  return fc.oneof({ weight: 5 * odd.length, arbitrary: fc.constant(sound) }, ...others)
}

const anything = fc.jsonValue({ maxDepth: 3 })
const datatype = fc.constantFrom('FP64', 'INT64', 'UINT8', 'BOOL', 'BYTES', 'FP16', '__proto__')
const tensor = fc.record({
  name: mostly('features', fc.string({ maxLength: 8 }), anything),
  datatype: mostly('FP32', datatype, anything),
  shape: mostly([1, 3], fc.array(dim, { maxLength: 4 }), anything),
  data: mostly([1, 2, 0.5], fc.array(fc.oneof(fc.double(), anything)), anything),
  parameters: mostly(
    {},
    fc.record({ binary_data_size: fc.oneof(fc.integer(), anything) }),
    anything,
  ),
})
const envelope = fc.record({
  id: mostly('7', anything),
  inputs: mostly([ROW], fc.array(fc.oneof(tensor, fc.constant(ROW)), { maxLength: 3 }), anything),
  outputs: mostly([], fc.array(fc.record({ name: anything, parameters: anything })), anything),
  parameters: mostly({}, fc.record({ priority: anything, binary_data_output: anything }), anything),
})
const binary = fc.record({
  name: fc.constant(ROW.name),
  datatype: mostly('FP32', datatype),
  shape: mostly([1, 3], fc.array(dim, { maxLength: 4 })),
  parameters: fc.record({ binary_data_size: mostly(12, fc.integer({ min: -4, max: 30 })) }),
  data: fc.constant(undefined),
})
const request = fc.oneof(
  envelope,
  fc.record({ inputs: fc.tuple(tensor) }),
  fc.record({ inputs: fc.tuple(binary) }),
)

test('whatever is sent is answered, or refused by name', async () => {
  const statuses = new Set<number>()
  const blob = fc.oneof(fc.constant(new Uint8Array(12)), fc.uint8Array({ maxLength: 24 }))
  const none = fc.constant(new Uint8Array())
  const length = fc.option(
    fc.oneof(fc.integer({ min: -2, max: 400 }).map(String), fc.constant('x')),
    { freq: 10 },
  )
  await fc.assert(
    fc.asyncProperty(request, fc.oneof(none, blob), length, async (body, bytes, told) => {
      const json = Buffer.from(JSON.stringify(body))
      const isBinary = bytes.length > 0
      const header = told ?? (isBinary ? String(json.length) : undefined)
      const headers = header === undefined ? {} : { [JSON_LENGTH_HEADER]: header }
      const reply = await doors.post(INFER, Buffer.concat([json, bytes]), headers)
      statuses.add(reply.status)
      if (reply.status !== 200) expectRefused(reply)
    }),
    { numRuns: 300, seed: 20_260_301 },
  )
  expect([...statuses].toSorted((a, b) => a - b)).toEqual([200, 400])
  await expectAlive()
})

test('bytes that are no message harm no gRPC server', async () => {
  const client = new Client(await doors.grpc(), credentials.createInsecure())
  const send = (bytes: Uint8Array): Promise<number | undefined> =>
    new Promise((resolve) => {
      client.makeUnaryRequest(
        '/inference.GRPCInferenceService/ModelInfer',
        (message: Uint8Array) => Buffer.from(message),
        (reply) => reply,
        bytes,
        (error) => resolve(error?.code),
      )
    })
  // 3 INVALID_ARGUMENT, 5 NOT_FOUND, 13 INTERNAL: grpc-js's own for what cannot be decoded.
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 64 }), async (bytes) => {
      expect([3, 5, 13]).toContain(await send(bytes))
    }),
    { numRuns: 100, seed: 20_260_301 },
  )
  await expectAlive()
  client.close()
})
