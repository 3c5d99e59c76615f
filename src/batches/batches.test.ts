import { EndpointSpec } from '@gyre/sdk/wire/endpoint'
import { expect, test, vi } from 'vitest'
import { FLIGHT_FROM_ATL, LINEAR3_OF_1_2_HALF } from '../infer/fixture.ts'
import { ctx, DELAY, flightAsk, RATE_CHANGES } from '../serve/fixture.ts'
import { openBatches, type BatchBench } from './fixture.ts'

/** The flight of the bench. */
const ATL = { date: '2001-02-03T10:30:00Z', origin: 'ATL', distance: 404 }

/** Flights as SQL, each with a number of its own; `change` overrides columns. */
function flights(count: number, change: Readonly<Record<string, string>> = {}): string {
  const columns = {
    flight: 'i',
    date: `TIMESTAMP '2001-02-03 10:30:00' + INTERVAL (i) MINUTE`,
    origin: `CASE WHEN i % 3 = 0 THEN 'ATL' ELSE 'JFK' END`,
    distance: '404.0 + i / 100',
    ...change,
  }
  const list = Object.entries(columns).map(([name, value]) => `${value} AS "${name}"`)
  return `SELECT ${list.join(', ')} FROM range(${count}) AS t(i)`
}

/** What `/predict` says to flight `i` of `flights`, put together here. */
async function online({ serving }: BatchBench, i: number) {
  const input = {
    date: new Date(Date.parse(ATL.date) + i * 60_000).toISOString(),
    origin: i % 3 === 0 ? 'ATL' : 'JFK',
    distance: 404 + i / 100,
  }
  const ask = { subject: undefined, at: undefined, input, features: undefined }
  const { reply } = await serving.serve.predict(ctx, 'delay', ask, 'stable')
  const { prediction, confidence, score, reasons, model_version } = reply
  return { prediction, confidence, score, reasons, model_version, error: null, error_message: null }
}

test('what cannot be answered at all is refused by the name of its field', async () => {
  await using bench = await openBatches()
  const refused = async (sql: string, field: string, text: RegExp, change = {}) => {
    const started = bench.start(await bench.parquet(sql), change)
    await expect(started).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      message: expect.stringMatching(text),
      details: { field },
    })
  }
  await refused(`SELECT 'ATL' AS origin, 1 AS distance`, 'columns.date', /^columns.date: missing/)
  await refused(flights(1, { date: 'i' }), 'columns.date', /takes a timestamp, the file has BIGINT/)
  await refused(flights(1, { Score: '1' }), 'columns.score', /answers take this name/)
  await refused(flights(1), 'at', /^at: no column seen/, { at: 'seen' })
  await refused(flights(1), 'columns.flight', /event time is a timestamp/, { at: 'flight' })
  const text = await bench.text('no parquet')
  await expect(bench.start(text)).rejects.toMatchObject({ code: 'INVALID_INPUT' })
  await expect(bench.start(await bench.text(''), { format: 'csv' })).rejects.toMatchObject({
    code: 'INVALID_INPUT',
  })
  await expect(bench.start(`sha256:${'0'.repeat(64)}`)).rejects.toMatchObject({
    code: 'NOT_FOUND',
    details: { field: 'digest' },
  })
  await expect(bench.start(text, {}, 'nope')).rejects.toMatchObject({ code: 'NOT_FOUND' })
  await bench.serving.route('delay', {})
  await expect(bench.start(text)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  expect(await bench.batches.list(ctx, 10)).toEqual([])
  await expect(bench.batches.get(ctx, 'run_0')).rejects.toMatchObject({ code: 'NOT_FOUND' })
  await expect(bench.batches.cancel(ctx, 'run_0')).rejects.toMatchObject({ code: 'NOT_FOUND' })
})

test('every row gets what the same request gets, in the order of the file, in shards', async () => {
  await using bench = await openBatches()
  const { id } = await bench.start(await bench.parquet(flights(100)), { shardRows: 30 })
  expect(await bench.ended(id)).toMatchObject({
    status: 'succeeded',
    model: 'model:delay@1',
    rows: 100,
    done: 100,
    failedRows: 0,
    shards: 4,
  })
  const answers = await bench.answers(id)
  expect(answers).toHaveLength(100)
  for (const [i, { flight, date, origin, distance, ...answer }] of answers.entries()) {
    expect({ flight, origin, distance }).toEqual({
      flight: i,
      origin: i % 3 === 0 ? 'ATL' : 'JFK',
      distance: 404 + i / 100,
    })
    expect(date).toBe(Date.parse(ATL.date) + i * 60_000)
    expect(answer).toEqual(await online(bench, i))
  }
  const [quarantined] = answers.filter(({ distance }) => distance === 404.99)
  expect(quarantined?.['reasons']).toEqual([])
  const shards = await bench.batches.shards(ctx, id, 1, 1)
  expect(shards).toMatchObject([{ shard: 2, firstRow: 60, rows: 30 }])
})

test('the run tells what was read, by which version, and what was made; nobody is told of predictions', async () => {
  await using bench = await openBatches()
  const { store, outcomes } = bench.serving
  const digest = await bench.parquet(flights(3))
  const { id } = await bench.start(digest)
  await bench.ended(id)
  const run = await store.runs.get(ctx, id)
  expect(run).toMatchObject({
    kind: 'batch',
    metrics: { rows: 3, failed_rows: 0 },
    inputs: [
      { ref: 'file:flights.parquet', role: 'rows', digest },
      { ref: 'model:delay@1', role: 'model' },
    ],
    outputs: [{ ref: 'file:predictions', role: 'predictions' }],
  })
  const [shard] = await bench.batches.shards(ctx, id, -1, 10)
  const { entries } = await store.blobs.readTree(shardTree(run.outputs[0]?.digest))
  expect(entries).toMatchObject([
    { path: 'part-00000.parquet', artifact: { digest: shard?.digest } },
  ])
  await bench.serving.landed()
  expect(outcomes).toEqual([])
  expect((await store.runs.consumersOf(ctx, 'model:delay@1')).map((each) => each.id)).toEqual([id])
})

function shardTree(digest: string | undefined): `sha256:${string}` {
  const [, hex = ''] = /^sha256:(.*)$/.exec(digest ?? '') ?? []
  return `sha256:${hex}`
}

test('a bad row is answered by its coded error, which names the field, and takes no other with it', async () => {
  await using bench = await openBatches()
  const csv = [
    'date,origin,distance,note',
    '2001-02-03T10:30:00Z,ATL,404,first',
    '2001-02-03T10:30:00Z,ATL,far,second',
    'yesterday,ATL,404,third',
    '2001-02-03T10:30:00Z,,404,fourth',
    '2001-02-03T10:30:00Z,THROW,404,fifth',
    '2001-02-03 10:30:00,ATL,404,"007"',
  ].join('\n')
  const { id } = await bench.start(await bench.text(csv), { format: 'csv', name: 'flights.csv' })
  expect(await bench.ended(id)).toMatchObject({ status: 'succeeded', done: 6, failedRows: 4 })
  const answers = await bench.answers(id)
  expect(answers.map(({ error }) => error)).toEqual([
    null,
    'INVALID_INPUT',
    'INVALID_INPUT',
    'INVALID_INPUT',
    'MODEL_FAILED',
    null,
  ])
  expect(answers.map((row) => row['error_message'])).toEqual([
    null,
    'input.distance: expected a number, got "far"',
    expect.stringMatching(/^input.date: expected an ISO-8601 instant .*"yesterday"$/),
    'input.origin: missing; expected a text',
    expect.stringContaining('model:delay@1'),
    null,
  ])
  expect(answers[1]).toMatchObject({
    distance: 'far',
    prediction: null,
    score: null,
    model_version: 'model:delay@1',
  })
  const { reply } = await bench.serving.serve.predict(ctx, 'delay', flightAsk({ at: undefined }), 'stable') // prettier-ignore
  expect(answers[0]?.['score']).toBe(reply.score)
  expect(answers[5]).toMatchObject({ note: '007', score: answers[0]?.['score'] })
})

test('times of every type, and integers and decimals where numbers are asked for, are the same request', async () => {
  await using bench = await openBatches()
  const scores: unknown[] = []
  for (const change of [
    { date: `TIMESTAMPTZ '2001-02-03 11:30:00+01'` },
    { date: `TIMESTAMP_NS '2001-02-03 10:30:00'` },
    { date: `'2001-02-03T05:30:00-05:00'` },
    { distance: '404::BIGINT' },
    { distance: '404.00::DECIMAL(9, 2)' },
    { distance: '404::FLOAT' },
  ]) {
    const { id } = await bench.start(await bench.parquet(flights(1, { ...change })))
    await bench.ended(id)
    scores.push((await bench.answers(id))[0]?.['score'])
  }
  const { score } = await online(bench, 0)
  expect(scores).toEqual(scores.map(() => score))

  const odd = flights(2, { distance: `CASE i WHEN 0 THEN 'nan'::DOUBLE END` })
  const { id } = await bench.start(await bench.parquet(odd))
  await bench.ended(id)
  expect((await bench.answers(id)).map((row) => row['error_message'])).toEqual([
    'input.distance: expected a number, got "nan"',
    'input.distance: missing; expected a number',
  ])
})

test('features are looked up as of the event time of the row, and of the start where it has none', async () => {
  await using bench = await openBatches()
  const seen = `CASE i WHEN 0 THEN TIMESTAMP '2001-02-03 10:30:00' WHEN 1 THEN TIMESTAMP '2001-03-01 00:00:00' WHEN 2 THEN TIMESTAMP '2031-01-01 00:00:00' END`
  const sql = flights(4, { date: `TIMESTAMP '2001-02-03 10:30:00'`, origin: `'ATL'`, seen })
  const { id } = await bench.start(await bench.parquet(sql), { at: 'seen' })
  await bench.ended(id)
  const [before, after, future, none] = await bench.answers(id)
  const at = async (text: string | undefined) => {
    const { reply } = await bench.serving.serve.predict(ctx, 'delay', flightAsk({ at: text }), 'stable') // prettier-ignore
    return reply.score
  }
  expect(Date.parse(RATE_CHANGES)).toBeLessThan(Date.parse('2001-03-01'))
  expect(before?.['score']).toBe(await at(ATL.date))
  expect(before?.['score']).toBeCloseTo(FLIGHT_FROM_ATL, 6)
  expect(after?.['score']).not.toBe(before?.['score'])
  expect(none?.['score']).toBe(await at(undefined))
  expect(future).toMatchObject({ error: 'INVALID_INPUT', score: null })
  expect(future?.['error_message']).toMatch(/^at: .*more than a day in the future/)
})

test('a file without rows gives one shard without rows, which has the columns', async () => {
  await using bench = await openBatches()
  const { id } = await bench.start(await bench.parquet(flights(0)))
  const { columns, ...batch } = await bench.ended(id)
  expect(batch).toMatchObject({ status: 'succeeded', rows: 0, done: 0, shards: 1 })
  expect(columns?.map(({ name }) => name)).toEqual([
    'flight',
    'date',
    'origin',
    'distance',
    'prediction',
    'confidence',
    'score',
    'reasons',
    'model_version',
    'error',
    'error_message',
  ])
  expect(await bench.answers(id)).toEqual([])
})

test('tensors are asked one row at a time by the names of the columns', async () => {
  await using bench = await openBatches()
  const { serving } = bench
  const spec = EndpointSpec.parse({ ...DELAY, name: 'linear', takes: 'tensors', input: {} })
  await serving.declare(spec)
  await serving.route('linear', { stable: 'model:linear@1' })
  const parquet = await bench.parquet(
    `SELECT * FROM (VALUES ('a', [1.0, 2.0, 0.5]), ('b', [1.0, 2.0]), ('c', [1.0, 2.0, 'nan'::DOUBLE]), ('d', NULL)) AS t(id, features)`,
  )
  const csv = await bench.text('id;features\na;"[1, 2, 0.5]"\n')
  for (const [digest, format] of [
    [parquet, 'parquet'],
    [csv, 'csv'],
  ] as const) {
    // prettier-ignore
    const { id } = await bench.start(digest, { format }, 'linear')
    await bench.ended(id)
    const [first, ...bad] = await bench.answers(id)
    expect(first).toMatchObject({ id: 'a', prediction: 1, error: null })
    expect(first?.['score']).toBeCloseTo(LINEAR3_OF_1_2_HALF, 6)
    expect(bad.map(({ error }) => error)).toEqual(bad.map(() => 'INVALID_INPUT'))
  }
})

test('a batch keeps the version it began with, loaded, whatever is released meanwhile', async () => {
  await using bench = await openBatches()
  const { serving } = bench
  const held = await serving.serve.hold(ctx, DELAY, 'model:delay@1')
  await serving.route('delay', { stable: 'model:delay@2' })
  await serving.route('delay', { stable: 'model:delay@3' })
  const keys = () => serving.bench.infer.stats().sessions.filter(({ leases }) => leases > 0)
  await vi.waitFor(() => expect(keys().map(({ key }) => key)).toContain('model:delay@1'))
  await vi.waitFor(() =>
    expect(keys().map(({ key }) => key)).toEqual(
      expect.arrayContaining(['model:delay@1', 'model:delay@3']),
    ),
  )
  held.close()
  await vi.waitFor(() => expect(keys().map(({ key }) => key)).not.toContain('model:delay@1'))
})

test('a cancelled batch stops where it is, keeps its shards, and the next one goes on', async () => {
  await using bench = await openBatches()
  const gate = gated(bench)
  const batches = bench.open(gate.serve)
  const asked = { digest: await bench.parquet(flights(100)), name: 'f', format: 'parquet' } as const
  const { id } = await batches.start(ctx, 'delay', { ...asked, shardRows: 40 })
  gate.letThrough(60)
  await vi.waitFor(async () => expect((await batches.get(ctx, id)).done).toBe(40), 20_000)
  const next = await batches.start(ctx, 'delay', { ...asked, shardRows: 100 })
  expect(await batches.cancel(ctx, id)).toMatchObject({ status: 'cancelled', done: 40 })
  await expect(batches.cancel(ctx, id)).rejects.toMatchObject({ code: 'CONFLICT' })
  gate.letThrough(1_000)
  expect(await bench.ended(next.id)).toMatchObject({ status: 'succeeded', done: 100 })
  expect(await bench.batches.get(ctx, id)).toMatchObject({ status: 'cancelled', shards: 1 })
})

test('what a server leaves, the next one goes on with: no row is lost, none is there twice', async () => {
  await using bench = await openBatches()
  const gate = gated(bench)
  const first = bench.open(gate.serve)
  const digest = await bench.parquet(flights(100))
  const asked = { digest, name: 'f', format: 'parquet', shardRows: 40 } as const
  const { id } = await first.start(ctx, 'delay', asked)
  gate.letThrough(60)
  await vi.waitFor(async () => expect((await first.get(ctx, id)).done).toBe(40), 20_000)
  const [kept] = await first.shards(ctx, id, -1, 10)
  const closed = first.close()
  gate.letThrough(1_000)
  await closed
  expect(await bench.batches.get(ctx, id)).toMatchObject({ status: 'running', done: 40 })

  await bench.serving.route('delay', { stable: 'model:delay@2' })
  await bench.open().resume()
  expect(await bench.ended(id)).toMatchObject({ status: 'succeeded', done: 100, shards: 3 })
  const answers = await bench.answers(id)
  expect(answers.map(({ flight }) => flight)).toEqual(Array.from({ length: 100 }, (_, i) => i))
  expect(new Set(answers.map((row) => row['model_version']))).toEqual(new Set(['model:delay@1']))
  expect((await bench.batches.shards(ctx, id, -1, 1))[0]).toEqual(kept)
})

test('a full queue is waited for', async () => {
  await using bench = await openBatches({ maxQueueRows: 4 })
  const { id } = await bench.start(await bench.parquet(flights(200)))
  expect(await bench.ended(id)).toMatchObject({ status: 'succeeded', done: 200, failedRows: 0 })
})

/** Serving whose held arms answer so many rows and then wait. */
function gated(bench: BatchBench) {
  const left = { rows: 0 }
  const waiting: (() => void)[] = []
  return {
    letThrough(rows: number) {
      left.rows += rows
      for (const go of waiting.splice(0)) go()
    },
    serve: {
      hold: async (...args: Parameters<typeof bench.serving.serve.hold>) => {
        const held = await bench.serving.serve.hold(...args)
        return {
          ...held,
          failed: undefined,
          answer: async (...asked: Parameters<typeof held.answer>) => {
            while (left.rows <= 0) await new Promise<void>((resolve) => waiting.push(resolve))
            left.rows -= 1
            return held.answer(...asked)
          },
        }
      },
    },
  }
}
