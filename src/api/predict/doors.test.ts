import { expect, test } from 'vitest'
import { LINEAR3_OF_1_2_HALF } from '../../infer/fixture.ts'
import { ctx, DELAY } from '../../serve/fixture.ts'
import { openDoors } from '../fixture.ts'

const FLIGHT = { date: '2001-02-03T10:30:00Z', origin: 'ATL', distance: 404 }
const PREDICT = { subject: 42, at: '2001-02-03T10:30:00Z', input: FLIGHT }

function problem(status: number, detail: RegExp) {
  return {
    status,
    headers: { 'content-type': 'application/problem+json' },
    body: { status, detail: expect.stringMatching(detail), requestId: expect.any(String) },
  }
}

const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`

const BAD_PREDICTS: readonly (readonly [unknown, number, RegExp])[] = [
  ['', 422, /^body: expected a JSON object/],
  ['{"features": [1, 2', 400, /^body: not JSON/],
  ['{"features": [1, NaN, 2]}', 400, /^body: not JSON/],
  [Buffer.from([0xff, 0xfe, 0x00]), 400, /^body: not UTF-8/],
  // 'Zürich' in Latin-1, a lone half of a surrogate pair, and an overlong slash (RFC 3629, section 10).
  [Buffer.from('{"subject": "Zürich"}', 'latin1'), 400, /^body: not UTF-8/],
  [Buffer.from('7b2261223a22eda080227d', 'hex'), 400, /^body: not UTF-8/],
  [Buffer.from('22c0af22', 'hex'), 400, /^body: not UTF-8/],
  [nested(2_000), 400, /^body: nested deeper than 32 levels/],
  ['[1, 2, 3]', 422, /^body: expected a JSON object, got an array/],
  ['null', 422, /^body: expected a JSON object, got null/],
  ['{}', 422, /^input: expected either input .* or features/],
  [{ ...PREDICT, features: [1, 2, 3] }, 422, /^input: expected either/],
  [{ features: [1, 2, 'three'] }, 422, /^features\.2: expected a finite float32, got string/],
  [{ features: [1, null, 3] }, 422, /^features\.1: expected a finite float32, got null/],
  ['{"features": [1, 1e999, 3]}', 422, /^features\.1: expected a finite float32, got Infinity/],
  ['{"features": [1, 1e39, 3]}', 422, /^features\.1: expected a finite float32, got 1e\+39/],
  [{ features: [1, [2], 3] }, 422, /^features\.1: expected a finite float32, got an array/],
  [{ features: 'many' }, 422, /^features: expected an array of numbers, got string/],
  [{ features: [1, 2] }, 422, /^features: .* expects 3 numbers, got 2/],
  [{ ...PREDICT, subject: '' }, 422, /^subject: expected a number or a text/],
  [{ ...PREDICT, subject: 'x'.repeat(257) }, 422, /^subject: expected a number or a text/],
  [{ ...PREDICT, subject: { id: 1 } }, 422, /^subject: .* got object/],
  ['{"subject": 1e999, "features": [1, 2, 3]}', 422, /^subject: .* got Infinity/],
  [{ ...PREDICT, at: 981_196_200 }, 422, /^at: expected an instant .* got 981196200/],
  [{ ...PREDICT, at: 'noon' }, 422, /^at: expected an instant/],
  [{ ...PREDICT, input: [1] }, 422, /^input: expected an object .* got an array/],
  [
    { ...PREDICT, model: 'x' },
    422,
    /^model: unknown member; expected subject, at, input, features/,
  ],
  [
    { input: { ...FLIGHT, distance: '404' } },
    422,
    /^input\.distance: expected a number, got "404"/,
  ],
  [
    JSON.stringify({ input: FLIGHT }).replace('404', '1e999'),
    422,
    /^input\.distance: expected a number, got Infinity/,
  ],
  [{ input: { ...FLIGHT, seat: 1 } }, 422, /^input\.seat: unknown field/],
  ['{"input": {"__proto__": {"origin": "ATL"}}}', 422, /^input\.date: missing/],
]

test('every bad predict body is a problem that names the field', async () => {
  await using doors = await openDoors()
  for (const [body, status, detail] of BAD_PREDICTS)
    expect(await doors.post('/predict', body)).toMatchObject(problem(status, detail))
  expect(doors.served.outcomes).toEqual([])
})

const BAD_FEEDBACKS: readonly (readonly [unknown, number, RegExp])[] = [
  ['', 422, /^body: /],
  ['{', 400, /^body: not JSON/],
  [Buffer.from('{"prediction_id": "é", "label": 1}', 'latin1'), 400, /^body: not UTF-8/],
  [{}, 422, /^prediction_id: /],
  [{ prediction_id: '', label: 1 }, 422, /^prediction_id: /],
  [{ prediction_id: 'x'.repeat(65), label: 1 }, 422, /^prediction_id: /],
  [{ prediction_id: 'p_1', label: 'late' }, 422, /^label: /],
  ['{"prediction_id": "p_1", "label": 1e999}', 422, /^label: /],
  ['{"prediction_id": "p_1", "label": 2}', 422, /^label: expected 0 or 1$/],
  ['{"prediction_id": "p_1", "label": 0.5}', 422, /^label: expected 0 or 1$/],
  [{ prediction_id: 'p_1', label: 1, at: 'noon' }, 422, /^at: /],
  [{ prediction_id: 'p_1', label: 1, why: 'x' }, 422, /why/],
  [{ items: [] }, 422, /^items: /],
  [
    { items: [{ prediction_id: 'p_1', label: 1 }, { label: 1 }] },
    422,
    /^items\.1\.prediction_id: /,
  ],
  [
    { items: [{ prediction_id: 'p_1', label: 1, at: '2999-01-01T00:00:00Z' }] },
    422,
    /^items\.0\.at: /,
  ],
]

test('every bad feedback body is a problem that names the field, and keeps nothing', async () => {
  await using doors = await openDoors()
  for (const [body, status, detail] of BAD_FEEDBACKS)
    expect(await doors.post('/feedback', body)).toMatchObject(problem(status, detail))
  const rows = await doors.served.predictions.counts(ctx, 'delay')
  expect(rows).toMatchObject({ feedback: 0, orphans: 0 })
})

test('a body past the limit is 413, declared or not, and the server goes on', async () => {
  await using doors = await openDoors()
  const large = JSON.stringify({ features: Array.from({ length: 2_000 }, () => 1.5) })
  expect(await doors.post('/predict', large)).toMatchObject(problem(413, /at most 4096 bytes/))
  const chunked = { 'content-type': 'application/json', 'transfer-encoding': 'chunked' }
  expect(await doors.post('/feedback', large, chunked)).toMatchObject({ status: 413 })
  expect(await doors.post('/predict', PREDICT)).toMatchObject({ status: 200 })
})

const OTHER_TYPES = [
  ['application/x-www-form-urlencoded', /got application\/x-www-form-urlencoded$/],
  ['application/jsonp', /got application\/jsonp$/],
  ['application/json; charset=latin1', /got application\/json; charset=latin1$/],
  ['application/json; charset=utf-16', /got application\/json; charset=utf-16$/],
  [undefined, /got none$/],
] as const

test('another content type, charset or encoding is 415, and so is none', async () => {
  await using doors = await openDoors()
  for (const path of ['/predict', '/feedback']) {
    for (const [type, detail] of OTHER_TYPES) {
      const reply = await doors.post(
        path,
        PREDICT,
        type === undefined ? {} : { 'content-type': type },
      )
      expect(reply).toMatchObject(
        problem(415, /^content-type: expected application\/json, in UTF-8/),
      )
      expect(reply).toMatchObject(problem(415, detail))
    }
    const gzip = { 'content-type': 'application/json', 'content-encoding': 'gzip' }
    expect(await doors.post(path, PREDICT, gzip)).toMatchObject(problem(415, /^content-enc/))
  }
})

test('JSON is taken however its type is written', async () => {
  await using doors = await openDoors()
  for (const type of [
    'application/json; charset=utf-8',
    'application/json;charset=UTF-8',
    'Application/JSON; charset="utf8"',
    'application/json;',
  ])
    expect(await doors.post('/predict', PREDICT, { 'content-type': type })).toMatchObject({
      status: 200,
    })
})

test('other methods are 405 and say which is answered', async () => {
  await using doors = await openDoors()
  for (const [method, path, allow] of [
    ['GET', '/predict', 'POST'],
    ['PUT', '/predict/delay', 'POST'],
    ['DELETE', '/feedback', 'POST'],
    ['POST', '/health', 'GET'],
  ] as const) {
    const reply = await doors.ask(method, path)
    expect(reply).toMatchObject(problem(405, /answers/))
    expect(reply.headers.allow).toBe(allow)
  }
})

test('an unknown endpoint is 404 naming the known ones, a name that is none as well', async () => {
  await using doors = await openDoors()
  const unknown = await doors.post('/predict/nope', PREDICT)
  expect(unknown).toMatchObject(problem(404, /no such endpoint nope; known endpoints: delay/))
  expect(await doors.post('/predict/%E0%A4%A', PREDICT)).toMatchObject({ status: 404 })
  expect(await doors.post('/predict/delay/more', PREDICT)).toMatchObject({ status: 404 })
  await doors.served.declare({ ...DELAY, name: 'cancel' })
  expect(await doors.post('/predict', PREDICT)).toMatchObject(problem(404, /cancel, delay/))
})

test('a full queue is 429 with the seconds to wait', async () => {
  await using doors = await openDoors({ maxQueueRows: 1, maxBatch: 1 })
  const at = (origin: string) => doors.post('/predict', { input: { ...FLIGHT, origin } })
  const replies = ['WAIT', 'ATL', 'ATL', 'ATL'].map(at)
  const refused = await Promise.race(replies)
  expect(refused).toMatchObject(problem(429, /wait already/))
  expect(Number(refused.headers['retry-after'])).toBeGreaterThanOrEqual(1)
  await doors.served.bench.release()
  await Promise.all(replies)
})

test("the guide's vector works on both paths", async () => {
  await using doors = await openDoors()
  for (const path of ['/predict', '/predict/delay', '/predict/', '/predict?debug=1']) {
    const reply = await doors.post(path, { features: [1, 2, 0.5] })
    expect(reply).toMatchObject({
      status: 200,
      body: { prediction: 1, confidence: expect.closeTo(LINEAR3_OF_1_2_HALF, 6) },
    })
  }
})

test('every reply says which version gave it, a failed one too', async () => {
  await using doors = await openDoors()
  const canary = { model: 'model:broken@1', weightBp: 1, salt: 's', releaseId: 'rel_1' }
  await doors.served.route('delay', { stable: 'model:delay@1', canary })
  const good = await doors.post('/predict/delay', PREDICT)
  expect(good).toMatchObject({
    status: 200,
    headers: {
      'content-type': 'application/json',
      'x-gyre-variant': 'stable',
      'x-gyre-model-version': 'model:delay@1',
      'x-gyre-route-rev': '2',
    },
  })
  const json = { 'content-type': 'application/json' }
  expect(await doors.post('/predict/delay', PREDICT, { ...json, canary: 'true' })).toMatchObject({
    ...problem(500, /nothing: expected a number/),
    headers: {
      'x-gyre-variant': 'canary',
      'x-gyre-model-version': 'model:broken@1',
      'x-gyre-route-rev': '2',
    },
  })
  const blue = await doors.post('/predict/delay', PREDICT, { ...json, 'x-gyre-variant': 'blue' })
  expect(blue).toMatchObject(problem(400, /^header x-gyre-variant: expected canary or stable/))
})

test('anyone may ask for the canary, who may write may choose an arm by name', async () => {
  await using doors = await openDoors({}, { keyless: false })
  const canary = { model: 'model:delay@2', weightBp: 1, salt: 's', releaseId: 'rel_1' }
  await doors.served.route('delay', { stable: 'model:delay@1', canary })
  const ask = async (role: 'viewer' | 'member', header: object) => {
    const authorization = `Bearer ${await doors.keyOf(role)}`
    const headers = { 'content-type': 'application/json', authorization, ...header }
    return doors.post('/predict/delay', PREDICT, headers)
  }
  expect(await ask('viewer', { 'x-gyre-variant': 'canary' })).toMatchObject({ status: 403 })
  expect(await ask('member', { 'x-gyre-variant': 'canary' })).toMatchObject({
    status: 200,
    headers: { 'x-gyre-variant': 'canary' },
  })
})

test('a quarantined request is answered in valid JSON whatever it holds', async () => {
  await using doors = await openDoors()
  const reply = await doors.post('/predict', { input: { ...FLIGHT, origin: '"\\\n\u2028é' } })
  expect(reply).toMatchObject({ status: 200, body: { quarantined: true } })
})

test('feedback joins its prediction, one label or many', async () => {
  await using doors = await openDoors()
  const { predictions } = doors.served
  const idOf = async () => {
    const { body } = await doors.post('/predict', PREDICT)
    expect(body).toMatchObject({ prediction_id: expect.any(String) })
    return String(Object(body).prediction_id)
  }
  const [first, second] = [await idOf(), await idOf()]
  const at = '2001-02-03T13:00:00Z'
  const one = await doors.post('/feedback', { prediction_id: first, label: 1, at })
  expect(one).toMatchObject({ status: 200, body: { accepted: 1 } })
  const items = [
    { prediction_id: second, label: 0, at },
    { prediction_id: 'p_lost', label: 0 },
  ]
  expect(await doors.post('/feedback', { items })).toMatchObject({ body: { accepted: 2 } })
  expect(await predictions.find(ctx, first)).toMatchObject({
    subject: '42',
    label: 1,
    labelKnownAt: '2001-02-03T13:00:00.000Z',
  })
  expect(await predictions.find(ctx, second)).toMatchObject({ label: 0 })
})

test('health is exactly what the guide says', async () => {
  await using doors = await openDoors()
  const reply = await doors.ask('GET', '/health')
  expect(reply).toMatchObject({ status: 200, body: { status: 'healthy' } })
  expect(reply.headers['content-length']).toBe(String('{"status":"healthy"}'.length))
})
