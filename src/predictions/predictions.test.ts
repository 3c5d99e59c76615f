import { expect, test } from 'vitest'
import { fakeClock } from '../core/clock.ts'
import { sqlText } from '../store/analytics.ts'
import { ctx, openBench, predictionsOf, type Bench } from './fixture.ts'

const NOW = '2001-03-01T00:00:00.000Z'
const open = () => openBench(fakeClock(NOW))
const ms = (instant: string) => Date.parse(instant)

async function labelOf({ predictions }: Bench, id: string) {
  const found = await predictions.find(ctx, id)
  return found && { label: found.label, knownAt: found.labelKnownAt }
}

const BAD_TIMES = [
  { at: 'not-a-time', message: /items\.1\.at: expected an instant/ },
  { at: '2001-02-30T00:00:00Z', message: /items\.1\.at: expected an instant/ },
  { at: '2001-02-03T10:30:00', message: /items\.1\.at: expected an instant/ },
  { at: '2001-13-03T10:30:00Z', message: /items\.1\.at: expected an instant/ },
  { at: '2001-03-02T00:00:01Z', message: /items\.1\.at: .* lies more than a day in the future/ },
]

test('feedback known at no time is refused and nothing of its batch is kept', async () => {
  await using bench = await open()
  const id = bench.answer()
  const send = (at: string) =>
    bench.predictions.feedback(ctx, [
      { prediction_id: id, label: 1 },
      { prediction_id: id, label: 1, at },
    ])
  expect(await Promise.allSettled(BAD_TIMES.map(({ at }) => send(at)))).toMatchObject(
    BAD_TIMES.map(({ message }) => ({
      reason: { code: 'INVALID_INPUT', message: expect.stringMatching(message) },
    })),
  )
  expect(await labelOf(bench, id)).toEqual({ label: null, knownAt: null })
})

test('an unknown prediction is not found, and neither is that of another project', async () => {
  await using bench = await open()
  const id = bench.answer({ project: 'other' })
  expect(await bench.predictions.find(ctx, 'p_nothing')).toBeUndefined()
  expect(await bench.predictions.find(ctx, id)).toBeUndefined()
  expect(await bench.predictions.find({ ...ctx, project: 'other' }, id)).toMatchObject({ id })
})

test('what an endpoint that nobody declared has answered is not counted, exported or learned from', async () => {
  await using bench = await open()
  bench.answer()
  const { predictions } = bench
  const asked = [
    predictions.counts(ctx, 'delya'),
    predictions.exportParquet(ctx, 'delya'),
    predictions.labelled(ctx, 'delya', ms(NOW)),
  ]
  const refused = { reason: { code: 'NOT_FOUND', message: 'no such endpoint delya' } }
  expect(await Promise.allSettled(asked)).toMatchObject([refused, refused, refused])
})

test('feedback of another project labels nothing', async () => {
  await using bench = await open()
  const id = bench.answer()
  await bench.predictions.feedback({ ...ctx, project: 'other' }, [{ prediction_id: id, label: 1 }])
  expect(await labelOf(bench, id)).toEqual({ label: null, knownAt: null })
})

test('a label for a prediction that is not in the log is kept and counted as an orphan', async () => {
  await using bench = await open()
  const known = bench.answer()
  const lost = bench.predictions.newId('default', 'delay')
  const accepted = await bench.predictions.feedback(ctx, [
    { prediction_id: known, label: 1 },
    { prediction_id: lost, label: 0 },
    { prediction_id: 'from-elsewhere', label: 0 },
  ])
  expect(accepted).toBe(3)
  expect(await bench.predictions.counts(ctx, 'delay')).toEqual({
    predictions: 1,
    errors: 0,
    quarantined: 0,
    feedback: 1,
    orphans: 1,
    dropped: 0,
  })
})

test('of several labels the one known last counts, in whatever order they arrive', async () => {
  await using bench = await open()
  const id = bench.answer()
  const label = (value: number, at: string) =>
    bench.predictions.feedback(ctx, [{ prediction_id: id, label: value, at }])
  await label(1, '2001-02-04T00:00:00Z')
  await label(0, '2001-02-05T00:00:00Z')
  await label(1, '2001-02-03T12:00:00Z')
  expect(await labelOf(bench, id)).toEqual({ label: 0, knownAt: '2001-02-05T00:00:00.000Z' })
  await label(1, '2001-02-05T00:00:00Z')
  expect(await labelOf(bench, id)).toMatchObject({ label: 1 })
})

test('sending feedback again changes nothing', async () => {
  await using bench = await open()
  const id = bench.answer()
  const item = { prediction_id: id, label: 1, at: '2001-02-04T00:00:00Z' }
  await bench.predictions.feedback(ctx, [item, item])
  await bench.predictions.feedback(ctx, [item])
  expect(await bench.predictions.counts(ctx, 'delay')).toMatchObject({ feedback: 1, orphans: 0 })
  const { rows } = await bench.predictions.window(ctx, 'delay', { startMs: 0, endMs: ms(NOW) })
  expect(rows).toBe(1)
})

test('a prediction is found with everything that made it', async () => {
  await using bench = await open()
  const id = bench.answer({
    model: 'model:delay@2',
    outcome: {
      status: 'ok',
      score: 0.25,
      prediction: 0,
      inputs: Float32Array.of(404.5, 10, Number.NaN),
    },
    quarantined: true,
    reasons: ['distance: 404.5 is above 400'],
  })
  expect(await bench.predictions.find(ctx, id)).toEqual({
    id,
    endpoint: 'delay',
    subject: '42',
    receivedAt: NOW,
    at: '2001-02-03T10:30:00.000Z',
    model: 'model:delay@2',
    code: 'code:flights@1',
    variant: 'stable',
    releaseId: null,
    rev: 1,
    status: 'ok',
    error: null,
    score: 0.25,
    prediction: 0,
    quarantined: true,
    reasons: ['distance: 404.5 is above 400'],
    latencyMs: 1.5,
    fields: { date: '2001-02-03T10:30:00Z', distance: 404.5, origin: 'ATL' },
    inputs: { distance: 404.5, hour: 10, late: null },
    label: null,
    labelKnownAt: null,
  })
})

test('a window holds its own event times by column, and inputs by name across versions', async () => {
  await using bench = await open()
  const at = (instant: string) => ({ atMs: ms(instant) })
  bench.answer(at('2001-02-07T23:59:59.999Z'))
  const first = bench.answer({ ...at('2001-02-08T00:00:00Z'), quarantined: true })
  bench.answer({
    ...at('2001-02-09T00:00:00Z'),
    model: 'model:delay@2',
    variant: 'canary',
    outcome: { status: 'ok', score: 0.5, prediction: 1, inputs: Float32Array.of(100, 7, 0.5) },
  })
  bench.answer({
    ...at('2001-02-10T00:00:00Z'),
    outcome: { status: 'error', error: 'MODEL_FAILED' },
  })
  bench.answer(at('2001-02-15T00:00:00Z'))
  bench.answer({ ...at('2001-02-09T00:00:00Z'), endpoint: 'another' })
  await bench.predictions.feedback(ctx, [{ prediction_id: first, label: 1 }])

  const range = { startMs: ms('2001-02-08T00:00:00Z'), endMs: ms('2001-02-15T00:00:00Z') }
  const window = await bench.predictions.window(ctx, 'delay', range)
  const { nan } = { nan: Number.NaN }
  expect(window.rows).toBe(3)
  expect([...window.atMs]).toEqual(
    ['2001-02-08T00:00:00Z', '2001-02-09T00:00:00Z', '2001-02-10T00:00:00Z'].map(ms),
  )
  expect([...window.score]).toEqual([0.75, 0.5, nan])
  expect([...window.label]).toEqual([1, nan, nan])
  expect([...window.answered]).toEqual([1, 1, 0])
  expect([...window.quarantined]).toEqual([1, 0, 0])
  const { keys, index } = window.variant
  expect([...index].map((key) => keys[key])).toEqual(['stable', 'canary', 'stable'])
  expect([...(window.inputs.get('distance') ?? [])]).toEqual([404.5, 100, nan])
  expect([...(window.inputs.get('hour') ?? [])]).toEqual([10, 7, nan])
  expect([...(window.inputs.get('late') ?? [])]).toEqual([nan, 0.5, nan])
})

test('an empty window has no rows and no inputs', async () => {
  await using bench = await open()
  const window = await bench.predictions.window(ctx, 'delay', { startMs: 0, endMs: 1 })
  expect(window).toMatchObject({ rows: 0, inputs: new Map() })
})

test('training sees what was answered, understood and labelled by then, of every arm', async () => {
  await using bench = await open()
  const good = bench.answer()
  const canary = bench.answer({ variant: 'canary', model: 'model:delay@2' })
  const late = bench.answer()
  const ids = [
    good,
    canary,
    late,
    bench.answer({ quarantined: true, reasons: ['distance: too far'] }),
    bench.answer({ outcome: { status: 'error', error: 'MODEL_FAILED' } }),
    bench.answer({ fields: null }),
    bench.answer({ endpoint: 'another' }),
  ]
  const known = '2001-02-04T00:00:00Z'
  await bench.predictions.feedback(
    ctx,
    ids.map((prediction_id) => ({ prediction_id, label: 1, at: known })),
  )
  await bench.predictions.feedback(ctx, [
    { prediction_id: late, label: 0, at: '2001-02-06T00:00:00Z' },
  ])
  bench.answer()

  const rowsUntil = async (until: string) => {
    const source = await bench.predictions.labelled(ctx, 'delay', ms(until))
    try {
      return await bench.store.analytics.query(`SELECT * FROM ${source.sql} AS t`)
    } finally {
      source.release()
    }
  }
  expect(await rowsUntil('2001-02-03T23:59:59Z')).toEqual([])
  const rows = await rowsUntil('2001-02-05T00:00:00Z')
  expect(new Set(rows.map(({ id }) => id))).toEqual(new Set([good, canary, late]))
  expect(rows).toHaveLength(3)
  expect(rows.find(({ id }) => id === good)).toEqual({
    id: good,
    subject: '42',
    at: ms('2001-02-03T10:30:00Z'),
    date: ms('2001-02-03T10:30:00Z'),
    distance: 404.5,
    origin: 'ATL',
    label: 1,
    known_at: ms(known),
  })
  // The correction of the sixth is not known on the fifth: that day the first label still stands.
  expect(rows.find(({ id }) => id === late)).toMatchObject({ label: 1 })
  const later = await rowsUntil('2001-02-06T00:00:00Z')
  expect(later.find(({ id }) => id === late)).toMatchObject({ label: 0 })
})

test('the export is what was asked, seen, answered and learned, one row each', async () => {
  await using bench = await open()
  const id = bench.answer()
  const failed = bench.answer({
    subject: null,
    atMs: ms('2001-02-04T00:00:00Z'),
    outcome: { status: 'error', error: 'MODEL_FAILED' },
    variant: 'canary',
    model: 'model:delay@2',
    fields: null,
  })
  await bench.predictions.feedback(ctx, [
    { prediction_id: id, label: 1, at: '2001-02-03T13:00:00Z' },
  ])
  const file = await bench.predictions.exportParquet(ctx, 'delay')
  const sql = `SELECT * FROM read_parquet(${sqlText(file.path)})`
  const read = () => bench.store.analytics.query(sql)
  expect(await read()).toEqual([
    {
      id,
      subject: '42',
      at: ms('2001-02-03T10:30:00Z'),
      received_at: ms(NOW),
      model_version: 'model:delay@1',
      variant: 'stable',
      sticky: true,
      randomised: false,
      weight_bp: 0,
      route_rev: 1,
      status: 'ok',
      error: null,
      quarantined: false,
      reasons: [],
      request_date: ms('2001-02-03T10:30:00Z'),
      request_distance: 404.5,
      request_origin: 'ATL',
      input_hour: 10,
      input_distance: 404.5,
      input_late: null,
      score: 0.75,
      prediction: 1,
      label: 1,
      label_known_at: ms('2001-02-03T13:00:00Z'),
      latency_ms: 1.5,
    },
    expect.objectContaining({
      id: failed,
      subject: null,
      status: 'error',
      error: 'MODEL_FAILED',
      score: null,
      input_hour: null,
      request_distance: null,
      label: null,
    }),
  ])
  await file.remove()
  await expect(read()).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
})

test('ids of one endpoint are all different and never those of another', async () => {
  await using bench = await open()
  const ids = Array.from({ length: 10_000 }, (_, i) =>
    bench.predictions.newId('default', i % 2 === 0 ? 'delay' : 'another'),
  )
  expect(new Set(ids).size).toBe(10_000)
  expect(ids.every((id) => id.length <= 64 && /^p_[\w-]+$/.test(id))).toBe(true)
})

test('traffic tells the event time, and requests without one do not move a replay', async () => {
  await using bench = await open()
  const span = () => bench.predictions.span(ctx, 'delay')
  expect(await span()).toBeUndefined()
  bench.answer({ atMs: undefined })
  expect(await span()).toEqual({ firstMs: ms(NOW), latestMs: ms(NOW) })
  const id = bench.answer({ atMs: ms('2001-02-01T00:00:00Z') })
  bench.answer({ atMs: ms('2001-02-03T00:00:00Z') })
  bench.answer({ atMs: ms('2001-02-02T00:00:00Z') })
  bench.answer({ atMs: undefined })
  bench.answer({ endpoint: 'another', atMs: ms('2001-02-20T00:00:00Z') })
  const expected = {
    firstMs: ms('2001-02-01T00:00:00Z'),
    latestMs: ms('2001-02-03T00:00:00Z'),
  }
  expect(await span()).toEqual(expected)
  const known = { prediction_id: id, label: 1, at: '2001-02-05T00:00:00Z' }
  await bench.predictions.feedback({ ...ctx, project: 'other' }, [known])
  expect(await span()).toEqual(expected)
  await bench.predictions.feedback(ctx, [known])
  expect(await span()).toEqual({ ...expected, latestMs: ms('2001-02-05T00:00:00Z') })
})

test('after a restart the event time is read back from the rows', async () => {
  const clock = fakeClock(NOW)
  await using bench = await openBench(clock)
  const id = bench.answer({ atMs: ms('2001-02-01T00:00:00Z') })
  bench.answer({ atMs: undefined })
  const item = { prediction_id: id, label: 1, at: '2001-02-05T00:00:00Z' }
  await bench.predictions.feedback(ctx, [item])
  const restarted = predictionsOf(bench.store, clock)
  expect(await restarted.span(ctx, 'delay')).toEqual({
    firstMs: ms('2001-02-01T00:00:00Z'),
    latestMs: ms('2001-02-05T00:00:00Z'),
  })
})
