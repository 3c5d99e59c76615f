import { request, type ClientRequest } from 'node:http'
import { once } from 'node:events'
import { gzipSync, deflateSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { packExportJson, packExportResponse } from '../core/formats/otlp.ts'
import { as, openDoors, type Asked, type Doors } from './mlflow/fixture.ts'

const MIB = 1_048_576
const JSON_TYPE = 'application/json'
const PROTOBUF = 'application/x-protobuf'
const PLACE = { 'x-mlflow-experiment-id': '0' }

const SPAN = {
  traceId: '01'.repeat(16),
  spanId: '02'.repeat(8),
  name: 'ask',
  startTimeUnixNano: '1764000000123456789',
  endTimeUnixNano: '1764000000223456789',
}

const exported = (...spans: object[]) => ({ resourceSpans: [{ scopeSpans: [{ spans }] }] })
const packed = (...spans: object[]) => packExportJson(exported(...spans))

const attribute = (key: string, value: object) => ({ key, value })

type Sent = Pick<Asked, 'body' | 'headers'>

function send({ ask }: Doors, { body, headers = {} }: Sent) {
  const given = { 'content-type': PROTOBUF, ...PLACE, ...headers }
  return ask({ method: 'POST', path: '/v1/traces', headers: given, ...(body && { body }) })
}

const sendJson = (doors: Doors, value: unknown) =>
  send(doors, { body: JSON.stringify(value), headers: { 'content-type': JSON_TYPE } })

/** The names of the spans that a trace has. */
async function spansOf(doors: Doors, trace = `tr-${SPAN.traceId}`): Promise<string[]> {
  const { text, status } = await doors.ask({
    path: `/api/3.0/mlflow/traces/get?trace_id=${trace}&allow_partial=true`,
  })
  if (status !== 200) return []
  return [...text.matchAll(/"parent_span_id":"[^"]*","name":"(\w+)"|"name":"(\w+)"/g)].map(
    ([, child, root]) => child ?? root ?? '',
  )
}

const jsonOf = (value: unknown): Sent => ({
  body: JSON.stringify(value),
  headers: { 'content-type': JSON_TYPE },
})
const deep = `{"resourceSpans":${'['.repeat(300)}${']'.repeat(300)}}`

const UNREADABLE: readonly [what: string, status: number, sent: Sent][] = [
  ['bytes that are no protobuf', 400, { body: 'nobody' }],
  ['half a message', 400, { body: packed(SPAN).subarray(0, 40) }],
  ['text that is no JSON', 400, { body: '{', headers: { 'content-type': JSON_TYPE } }],
  ['JSON that is no object', 400, jsonOf([])],
  ['JSON of another shape', 400, jsonOf({ resourceSpans: [{ scopeSpans: 3 }] })],
  ['JSON nested deeply', 400, { body: deep, headers: { 'content-type': JSON_TYPE } }],
  ['a time that is none', 400, jsonOf(exported({ ...SPAN, startTimeUnixNano: 'now' }))],
  [
    'bytes that are not UTF-8',
    400,
    { body: Buffer.from('{"a":"\xff"}', 'latin1'), headers: { 'content-type': JSON_TYPE } },
  ],
  ['spans of which none can be kept', 400, { body: packed({ ...SPAN, spanId: '00' }) }],
  ['no gzip', 400, { body: packed(SPAN), headers: { 'content-encoding': 'gzip' } }],
  [
    'half a gzip',
    400,
    { body: gzipSync(packed(SPAN)).subarray(0, -9), headers: { 'content-encoding': 'gzip' } },
  ],
  ['no deflate', 400, { body: packed(SPAN), headers: { 'content-encoding': 'deflate' } }],
  [
    'an experiment that is no number',
    400,
    { body: packed(SPAN), headers: { 'x-mlflow-experiment-id': 'a' } },
  ],
  [
    'an experiment that is not there',
    404,
    { body: packed(SPAN), headers: { 'x-mlflow-experiment-id': '77' } },
  ],
  ['another encoding', 415, { body: packed(SPAN), headers: { 'content-encoding': 'br' } }],
  ['another type', 415, { body: packed(SPAN), headers: { 'content-type': 'text/plain' } }],
  ['more bytes than are taken', 413, { body: Buffer.alloc(20 * MIB + 1) }],
  [
    'a bomb',
    413,
    { body: gzipSync(Buffer.alloc(21 * MIB)), headers: { 'content-encoding': 'gzip' } },
  ],
]

test('what cannot be read is refused, and nothing of it is kept', async () => {
  await using doors = await openDoors()
  for (const [what, status, sent] of UNREADABLE)
    expect([what, await send(doors, sent)]).toMatchObject([what, { status }])
  expect(await spansOf(doors)).toEqual([])
})

test('an error is a Status in the language of the request', async () => {
  await using doors = await openDoors()
  const asJson = await sendJson(doors, exported({ ...SPAN, traceId: '00' }))
  expect(asJson.headers['content-type']).toBe(JSON_TYPE)
  expect(asJson.json).toEqual({
    code: 3,
    message: 'trace_id: expected 16 bytes, not all zero',
  })
  const asProtobuf = await send(doors, { body: 'nobody' })
  expect(asProtobuf.headers['content-type']).toBe(PROTOBUF)
  expect(asProtobuf.text).toContain('this is no OTLP')
  const other = await doors.ask({ path: '/v1/traces' })
  expect(other).toMatchObject({ status: 405, headers: { allow: 'POST' } })
  const nowhere = await doors.ask({
    method: 'POST',
    path: '/v1/traces',
    body: packed(SPAN),
    headers: { 'content-type': PROTOBUF },
  })
  expect(nowhere.status).toBe(400)
  expect(nowhere.text).toContain('x-mlflow-experiment-id')
})

test('a viewer may not send spans, nor anybody without a key', async () => {
  await using doors = await openDoors({ keyless: false })
  const viewer = await doors.makeKey('eye', 'viewer')
  const member = await doors.makeKey('hand', 'member')
  expect(await send(doors, { body: packed(SPAN) })).toMatchObject({ status: 401 })
  expect(await send(doors, { body: packed(SPAN), headers: as(viewer) })).toMatchObject({
    status: 403,
  })
  expect(await send(doors, { body: packed(SPAN), headers: as(member) })).toMatchObject({
    status: 200,
  })
  const read = await doors.ask({
    path: `/api/3.0/mlflow/traces/tr-${SPAN.traceId}`,
    headers: as(viewer),
  })
  expect(read.status).toBe(200)
})

test('spans that cannot be kept are counted, and the others are kept', async () => {
  await using doors = await openDoors()
  const bad = { ...SPAN, spanId: '00'.repeat(8) }
  expect(await sendJson(doors, exported(SPAN, bad, bad))).toMatchObject({
    status: 200,
    json: {
      partialSuccess: {
        rejectedSpans: '2',
        errorMessage: 'span_id: expected 8 bytes, not all zero',
      },
    },
  })
  const asProtobuf = await send(doors, { body: packed(bad, SPAN) })
  const told = packExportResponse(1, 'span_id: expected 8 bytes, not all zero')
  expect(asProtobuf.text).toBe(Buffer.from(told).toString())
  expect(await spansOf(doors)).toEqual(['ask'])
})

test.each<[string, Sent]>([
  ['protobuf', { body: packed(SPAN) }],
  ['gzip', { body: gzipSync(packed(SPAN)), headers: { 'content-encoding': 'gzip' } }],
  ['deflate', { body: deflateSync(packed(SPAN)), headers: { 'content-encoding': 'deflate' } }],
  [
    'JSON in gzip, with a charset',
    {
      body: gzipSync(JSON.stringify(exported(SPAN))),
      headers: { 'content-encoding': 'gzip', 'content-type': 'application/json; charset=utf-8' },
    },
  ],
])('the same span comes as %s, once or twice', async (_what, sent) => {
  await using doors = await openDoors()
  for (let i = 0; i < 2; i++) {
    const reply = await send(doors, sent)
    expect(reply).toMatchObject({
      status: 200,
      text: reply.headers['content-type'] === JSON_TYPE ? '{}' : '',
    })
  }
  const { json } = await doors.ask({ path: `/api/3.0/mlflow/traces/tr-${SPAN.traceId}` })
  expect(json).toMatchObject({
    trace: {
      trace_info: {
        request_time: '2025-11-24T16:00:00.123Z',
        execution_duration: '0.100s',
        state: 'OK',
      },
    },
  })
  expect(await spansOf(doors)).toEqual(['ask'])
})

test('a request without spans is no error', async () => {
  await using doors = await openDoors()
  expect(await send(doors, { body: new Uint8Array() })).toMatchObject({ status: 200, text: '' })
  expect(await sendJson(doors, {})).toMatchObject({ status: 200, text: '{}' })
})

test('a body that is cut off leaves nothing, and the door answers on', async () => {
  await using doors = await openDoors()
  const whole = packed(SPAN)
  const cut: ClientRequest = request({
    host: '127.0.0.1',
    port: doors.port,
    method: 'POST',
    path: '/v1/traces',
    headers: { 'content-type': PROTOBUF, 'content-length': whole.length, ...PLACE },
  })
  const failed = once(cut, 'error')
  cut.write(whole.subarray(0, 30), () => cut.destroy(new Error('cut')))
  await failed
  expect(await spansOf(doors)).toEqual([])
  expect(await send(doors, { body: whole })).toMatchObject({ status: 200 })
  expect(await spansOf(doors)).toEqual(['ask'])
})

test('the exporter that writes JSON into texts, and one that does not, read back the same', async () => {
  await using doors = await openDoors()
  const typed = {
    kvlistValue: {
      values: [
        attribute('n', { intValue: '9007199254740993' }),
        attribute('x', { doubleValue: 1 }),
      ],
    },
  }
  const spans = [
    {
      ...SPAN,
      attributes: [attribute('a', typed), attribute('mlflow.spanType', { stringValue: 'LLM' })],
    },
    {
      ...SPAN,
      traceId: '0a'.repeat(16),
      attributes: [
        attribute('a', { stringValue: '{"n": 9007199254740993, "x": 1.0}' }),
        attribute('mlflow.spanType', { stringValue: '"LLM"' }),
      ],
    },
  ]
  expect(await sendJson(doors, exported(...spans))).toMatchObject({ status: 200 })
  const read = async (trace: string) => {
    const { text } = await doors.ask({ path: `/api/3.0/mlflow/traces/get?trace_id=tr-${trace}` })
    return /"attributes":(\[.*?\])(?=,"|\})/s.exec(text.slice(text.indexOf('"spans"')))?.[0]
  }
  const direct = await read(SPAN.traceId)
  expect(direct).toContain('"int_value":9007199254740993')
  expect(await read('0a'.repeat(16))).toBe(direct)
  const found = await doors.ask({
    method: 'POST',
    path: '/api/3.0/mlflow/traces/search',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      locations: [{ mlflow_experiment: { experiment_id: '0' } }],
      filter: "span.type = 'LLM'",
    }),
  })
  expect(found.text.match(/"trace_id"/g)).toHaveLength(2)
})
