import type { ModelInput } from '@gyre/sdk/wire/feature'
import type { TrainingSetSpec } from '@gyre/sdk/wire/pipeline'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { seededRandom } from '../core/random.ts'
import { ctx as someone, type DataBench } from '../data/fixture.ts'
import { sqlText, type Row } from '../store/analytics.ts'
import { landings, openFeaturesBench, viewOf, type FeaturesBench } from './fixture.ts'

let bench: FeaturesBench
beforeAll(async () => {
  bench = await openFeaturesBench()
})
afterAll(() => bench[Symbol.asyncDispose]())

const at = (ms: number) => new Date(ms).toISOString()
const feature = (view: string, name: string): ModelInput => {
  return { kind: 'feature', name: `${view}_${name}`, view, feature: name }
}

/** One flight a row: `at` every 10 ms from 0, label known 35 ms later, every third late. */
const flights = {
  name: 'flights',
  source: { format: 'parquet', path: 'flights.parquet' },
  columns: {
    day: { type: 'timestamp' },
    a: { type: 'text', nullable: true },
    known: { type: 'timestamp' },
    late: { type: 'boolean', nullable: true },
    miles: { type: 'int' },
  },
  subject: 'flight',
  at: 'day',
  label: { column: 'late', knownAt: 'known' },
} as const

const FLIGHTS = `SELECT make_timestamp(i * 10000) AS day, CASE WHEN i % 11 = 0 THEN NULL ELSE ['p', 'q'][1 + i % 2] END AS a,
    make_timestamp(i * 10000 + 35000) AS known, CASE WHEN i % 17 <> 0 THEN i % 3 = 0 END AS late, (i * i)::BIGINT AS miles
  FROM range(100) AS t(i)`

let projects = 0
async function newProject(
  landed = 'SELECT NULL::VARCHAR AS a, 1 AS b, 1 AS x, 1.5 AS y, make_timestamp(0) AS seen',
) {
  projects += 1
  const ctx = { ...someone, project: `project_${projects}` }
  await bench.data.importVersion(ctx, flights, await bench.uploadSql(FLIGHTS))
  await bench.data.importVersion(ctx, landings(), await bench.uploadSql(landed))
  return ctx
}

const spec: TrainingSetSpec = {
  dataset: 'flights',
  every: 1,
  inputs: [{ kind: 'field', name: 'miles', field: 'miles' }],
  holdout: '0',
}

async function rowsOf({ store }: DataBench, digest: string): Promise<Row[]> {
  const path = store.blobs.pathOf(digest as `sha256:${string}`)
  return store.analytics.query(`SELECT * FROM read_parquet(${sqlText(path)})`)
}

const all = { until: at(5000), window: '0', transforms: [] }

test.each<readonly [string, Partial<TrainingSetSpec>, string, RegExp]>([
  ['an unknown dataset', { dataset: 'nope' }, 'NOT_FOUND', /nope/],
  [
    'a dataset without a label',
    { dataset: 'landings' },
    'INVALID_ARGUMENT',
    /dataset landings\.label/,
  ],
  [
    'an unknown field',
    { inputs: [{ kind: 'field', name: 'z', field: 'z' }] },
    'INVALID_ARGUMENT',
    /field z: expected one of day, a/,
  ],
  [
    'an unknown view',
    { inputs: [feature('nope', 'm')] },
    'NOT_FOUND',
    /no such feature view: nope/,
  ],
  [
    'an unknown transform',
    { inputs: [{ kind: 'transform', name: 't', transform: 'calendar', output: 'hour' }] },
    'INVALID_ARGUMENT',
    /no such transform: calendar/,
  ],
  [
    'the label as a field',
    { inputs: [{ kind: 'field', name: 'l', field: 'late' }] },
    'LABEL_LEAK',
    /fields of flights: column late/,
  ],
])('%s is refused', async (_, change, code, message) => {
  const ctx = await newProject()
  const making = bench.features.trainingSet(ctx, { ...spec, ...change }, all)
  await expect(making).rejects.toMatchObject({ code, message: expect.stringMatching(message) })
})

test('served rows need to know where the history ends', async () => {
  const ctx = await newProject()
  const making = bench.features.trainingSet(ctx, spec, { ...all, served: { sql: '(SELECT 1)' } })
  await expect(making).rejects.toThrow(/historyBefore/)
})

test('rows are those of the window whose label was known in time, every n-th of the file', async () => {
  const ctx = await newProject()
  const request = { until: at(600), window: '0.3s', transforms: [] }
  const sets = await bench.features.trainingSet(
    ctx,
    { ...spec, every: 3, holdout: '100ms' },
    request,
  )
  expect(sets.train).toMatchObject({ from: at(300), until: at(500), label: 'label', at: 'at' })
  expect(sets.newest).toMatchObject({ from: at(500), until: at(600), subject: 'subject' })
  const numbers = async (digest: string) =>
    (await rowsOf(bench, digest)).map(({ subject }) => subject)
  // 51 = 3 × 17 has no label; 57 (570 + 35 > 600) has none yet.
  expect(await numbers(sets.train.digest)).toEqual([30, 33, 36, 39, 42, 45, 48])
  expect(await numbers(sets.newest.digest)).toEqual([54])
  expect([sets.train.rows, sets.newest.rows]).toEqual([7, 1])
  const [first] = await rowsOf(bench, sets.train.digest)
  expect(first).toEqual({ subject: 30, at: 300, label: 1, known_at: 335, miles: 900 })
})

test('it holds every raw field that an input is made from, and nothing else', async () => {
  const ctx = await newProject()
  const calendar = {
    name: 'calendar',
    from: ['day', 'miles'],
    gives: ['hour'],
    chunk: 'c',
    digest: 'd',
    export: 'e',
  }
  const inputs: ModelInput[] = [
    { kind: 'transform', name: 'hour', transform: 'calendar', output: 'hour' },
    { kind: 'rate', name: 'rate', field: 'a', prior: 10 },
  ]
  const { train } = await bench.features.trainingSet(
    ctx,
    { ...spec, inputs },
    { ...all, transforms: [calendar] },
  )
  const [row] = await rowsOf(bench, train.digest)
  expect(Object.keys(row ?? {})).toEqual([
    'subject',
    'at',
    'label',
    'known_at',
    'a',
    'day',
    'miles',
  ])
  expect(train.inputs).toEqual(inputs)
})

test('labelled predictions continue the history, read back as the types of the dataset', async () => {
  const ctx = await newProject()
  const served = {
    sql: `(SELECT * FROM (VALUES
      ('7', make_timestamp(70000), 1.0, make_timestamp(80000), 5.0),
      ('8', make_timestamp(90000), 1.0, make_timestamp(95000), 6.0),
      ('9', make_timestamp(100000), 0.0, make_timestamp(200000), 7.0),
      ('10', make_timestamp(100000), NULL, make_timestamp(110000), 8.0)) AS t(subject, "at", label, known_at, miles))`,
  }
  const request = { until: at(150), window: '0', transforms: [], served }
  const { train } = await bench.features.trainingSet(
    ctx,
    { ...spec, historyBefore: at(80) },
    request,
  )
  const rows = await rowsOf(bench, train.digest)
  expect(rows.map(({ subject }) => subject)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
  expect(rows.at(-1)).toEqual({ subject: 8, at: 90, label: 1, known_at: 95, miles: 6 })
})

test('each row sees the newest row of its entity, both bounds included, NULL values surviving', async () => {
  // Feast: event_ts <= entity_ts and event_ts >= entity_ts - ttl, both inclusive; ttl 0 = no limit.
  const ctx = await newProject(
    `SELECT 'p' AS a, 1 AS b, x::BIGINT AS x, 0.5 AS y, make_timestamp(ms * 1000) AS seen
     FROM (VALUES (100, 7), (230, NULL)) AS t(ms, x)`,
  )
  const last = { last: { aggregate: 'last', column: 'x' } } as const
  await bench.register(ctx, [
    viewOf(last, { ttl: '60ms' }),
    viewOf(last, { name: 'for_ever', ttl: '0' }),
  ])
  const inputs = [feature('by_a', 'last'), feature('for_ever', 'last')]
  const { train } = await bench.features.trainingSet(ctx, { ...spec, inputs }, all)
  const rows = await rowsOf(bench, train.digest)
  const seenBy = (flight: number) => {
    const row = rows.find(({ subject }) => subject === flight)
    return [row?.['by_a:last'], row?.['for_ever:last']]
  }
  expect(seenBy(8)).toEqual([null, null]) // 80: before the first row
  expect(seenBy(10)).toEqual([7, 7]) // 100: the very instant
  expect(seenBy(16)).toEqual([7, 7]) // 160: the last instant of the ttl
  expect(seenBy(18)).toEqual([null, 7]) // 180: past it
  expect(seenBy(24)).toEqual([null, null]) // 240: the newest row is NULL
  expect(seenBy(13)).toEqual([null, null]) // another entity
})

test('the join equals a walk over all rows of all views', { timeout: 60_000 }, async () => {
  const random = seededRandom(99)
  const rows = Array.from({ length: 300 }, () => {
    const x = random() < 0.3 ? 'NULL' : String(Math.floor(random() * 5))
    const a = random() < 0.1 ? 'NULL' : `'${random() < 0.5 ? 'p' : 'q'}'`
    return `(${a}, ${x}, ${Math.floor(random() * 100) * 10_000 + (random() < 0.3 ? 1 : 0)})`
  })
  const ctx = await newProject(
    `SELECT a::VARCHAR AS a, 1 AS b, x::BIGINT AS x, 0.5 AS y, make_timestamp(us) AS seen
     FROM (VALUES ${rows.join(', ')}) AS t(a, x, us)`,
  )
  const mean = { m: { aggregate: 'mean', column: 'x', over: '40ms' } } as const
  await bench.register(ctx, [
    viewOf(mean, { ttl: '20ms' }),
    viewOf(mean, { name: 'overall', entity: [], ttl: '0' }),
    viewOf({ m: { aggregate: 'last', column: 'x' } }, { name: 'exact', every: '0', ttl: '10ms' }),
  ])
  const views = [
    { name: 'by_a', keyed: true, ttlMs: 20 },
    { name: 'overall', keyed: false, ttlMs: 0 },
    { name: 'exact', keyed: true, ttlMs: 10 },
  ]
  const inputs = [
    { kind: 'rate' as const, name: 'a', field: 'a', prior: 1 },
    ...views.map(({ name }) => feature(name, 'm')),
  ]
  const sets = await bench.features.trainingSet(ctx, { ...spec, inputs }, all)
  const made = await rowsOf(bench, sets.train.digest)
  const offline = await Promise.all(
    views.map(async ({ name }) => {
      const { path } = await bench.features.offline(ctx, name)
      return bench.store.analytics.query(`SELECT * FROM read_parquet(${sqlText(path)})`)
    }),
  )
  expect(made.length).toBe(94) // 100 less the six without a label
  for (const row of made)
    for (const [i, { name, keyed, ttlMs }] of views.entries()) {
      const past = (offline[i] ?? [])
        .filter((candidate) => !keyed || (row['a'] !== null && candidate['a'] === row['a']))
        .filter((candidate) => Number(candidate['event_ts']) <= Number(row['at']))
        .toSorted((p, q) => Number(q['event_ts']) - Number(p['event_ts']))
      const [newest] = past
      const fresh = ttlMs === 0 || Number(newest?.['event_ts']) >= Number(row['at']) - ttlMs
      expect([name, row['at'], row[`${name}:m`]]).toEqual([
        name,
        row['at'],
        newest && fresh ? newest['m'] : null,
      ])
    }
})

test('equal data and request give equal bytes, and the sources name all that was read', async () => {
  const ctx = await newProject()
  const last = viewOf({ last: { aggregate: 'last', column: 'x' } })
  await bench.register(ctx, [last])
  const both = { ...spec, inputs: [...spec.inputs, feature('by_a', 'last')] }
  const first = await bench.features.trainingSet(ctx, both, all)
  expect((await bench.restart().trainingSet(ctx, both, all)).train).toEqual(first.train)
  expect(first.read).toEqual([
    { ref: 'dataset:flights@1', role: 'rows', digest: expect.stringMatching(/^sha256:/) },
    {
      ref: 'features:by_a@1',
      role: 'features',
      digest: (await bench.features.offline(ctx, 'by_a')).digest,
    },
  ])
  const before = await bench.features.trainingSources(ctx, both)
  expect(await bench.features.trainingSources(ctx, both)).toEqual(before)
  await bench.register(ctx, [{ ...last, ttl: '1ms' }])
  expect(await bench.features.trainingSources(ctx, both)).not.toEqual(before)
})
