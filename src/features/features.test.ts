import type { ViewSpec } from '@gyre/sdk/wire/feature'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Context } from '../core/context.ts'
import { fakeClock } from '../core/clock.ts'
import { seededRandom } from '../core/random.ts'
import { ctx as someone } from '../data/fixture.ts'
import { sqlText } from '../store/analytics.ts'
import { landings, openFeaturesBench, viewOf, type FeaturesBench } from './fixture.ts'

const clock = fakeClock('1970-01-01T00:00:10.000Z')
let bench: FeaturesBench
beforeAll(async () => {
  bench = await openFeaturesBench(clock)
})
afterAll(() => bench[Symbol.asyncDispose]())

let projects = 0
/** A project with landings imported: 400 rows over 4 seconds, one airport with an odd name. */
async function newProject(): Promise<Context> {
  projects += 1
  const ctx = { ...someone, project: `project_${projects}` }
  await bench.data.importVersion(ctx, landings(), await bench.uploadSql(LANDINGS))
  return ctx
}

const LANDINGS = `SELECT ['ORD', 'ATL', 'x\\y' || chr(31)][1 + i % 3] AS a, (i // 3 % 2)::BIGINT AS b,
    CASE WHEN i % 5 = 0 THEN NULL ELSE i % 7 END::BIGINT AS x, (i * 0.37)::DOUBLE AS y,
    make_timestamp(((i * 7919) % 4000) * 1000) AS seen
  FROM range(400) AS t(i)`

const MEAN = { aggregate: 'mean', column: 'x', over: '100ms' } as const
const views: readonly ViewSpec[] = [
  viewOf({ m: MEAN, n: { ...MEAN, aggregate: 'count' } }),
  viewOf(
    { last: { aggregate: 'last', column: 'x' } },
    { name: 'by_both', entity: ['a', 'b'], ttl: '0' },
  ),
  viewOf({ m: MEAN }, { name: 'overall', entity: [], every: '50ms', ttl: '30ms' }),
]

const at = (ms: number) => new Date(ms).toISOString()

test.each<readonly [string, Partial<ViewSpec>, RegExp]>([
  [
    'a window of half a grid cell',
    { every: '80ms' },
    /by_a\.features\.m\.over: expected a multiple/,
  ],
  [
    'a mean without a window',
    { features: { m: { aggregate: 'mean', column: 'x' } } },
    /by_a\.features\.m\.over: expected a window/,
  ],
  ['no feature', { features: {} }, /by_a\.features: expected one at least/],
  ['half a millisecond', { ttl: '0.5ms' }, /by_a\.ttl: expected whole milliseconds/],
  [
    'a feature named like its entity',
    { features: { a: MEAN } },
    /by_a\.a: expected a name used once/,
  ],
  [
    'an unknown entity',
    { entity: ['z'] },
    /by_a\.entity: expected a column of landings \(a, b, x, y, seen, row\), got z/,
  ],
  [
    'a float as entity',
    { entity: ['y'] },
    /by_a\.entity: expected a text or a whole number, but landings\.y is DOUBLE/,
  ],
  ['an unknown event time', { eventTime: 'z' }, /by_a\.eventTime: expected a column of landings/],
  ['an event time that is none', { eventTime: 'x' }, /by_a\.eventTime: expected a timestamp/],
  ['an unknown column', { features: { m: { ...MEAN, column: 'z' } } }, /by_a\.features\.m\.column/],
  [
    'a mean of texts',
    { features: { m: { ...MEAN, column: 'a' } } },
    /by_a\.features\.m\.column: expected a number or boolean/,
  ],
])('%s is refused, and no view of the call is kept', async (_, change, message) => {
  const ctx = await newProject()
  const registering = bench.register(ctx, [
    viewOf({ m: MEAN }, { name: 'fine' }),
    viewOf({ m: MEAN }, change),
  ])
  await expect(registering).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringMatching(message),
  })
  expect(await bench.features.list(ctx)).toEqual([])
})

test('unknown names are named', async () => {
  const ctx = await newProject()
  const { features } = bench
  await bench.register(ctx, views)
  const online = (names: string[], entities = {}) =>
    features.online(ctx, { features: names, entities })
  await expect(features.offline(ctx, 'nope')).rejects.toMatchObject({
    code: 'NOT_FOUND',
    message: 'no such feature view: nope; there are by_a, by_both, overall',
  })
  await expect(features.materialize(ctx, { views: ['nope'], until: at(0) })).rejects.toMatchObject({
    code: 'NOT_FOUND',
  })
  await expect(features.materialize(ctx, { until: '2999-01-01T00:00:00Z' })).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    details: { field: 'until' },
  })
  await expect(online(['by_a:nope'])).rejects.toThrow('view by_a has no feature nope; it has m, n')
  await expect(online(['by_a:m'], { b: [1] })).rejects.toThrow(/entities\.a/)
  await expect(online(['by_both:last'], { a: ['ORD'], b: [1, 2] })).rejects.toThrow(/entities\.b/)
  await expect(features.planLookup(ctx, ['by_a:m'], ['b'])).rejects.toThrow(/looked up by a/)
  await bench.register(ctx, [viewOf({ m: MEAN }, { name: 'elsewhere', from: 'later' })])
  await expect(features.offline(ctx, 'elsewhere')).rejects.toMatchObject({ code: 'NOT_FOUND' })
})

test('a view gets a version when its spec changes, and its rows a run', async () => {
  const ctx = await newProject()
  const refs = async () => (await bench.features.list(ctx)).map(({ ref }) => ref)
  await bench.register(ctx, views)
  await bench.register(ctx, views)
  expect(await refs()).toEqual(['features:by_a@1', 'features:by_both@1', 'features:overall@1'])
  await bench.register(ctx, [viewOf({ m: MEAN })])
  expect(await refs()).toContain('features:by_a@2')
  const [one, other] = await Promise.all([
    bench.features.offline(ctx, 'by_a'),
    bench.features.offline(ctx, 'by_a'),
  ])
  expect(other).toEqual(one)
  expect(await bench.restart().offline(ctx, 'by_a')).toEqual(one)
  const { runs } = await bench.store.runs.list(ctx, { kind: 'features' }, 10)
  expect(runs).toMatchObject([
    {
      status: 'succeeded',
      inputs: [{ ref: 'dataset:landings@1' }],
      outputs: [{ ref: 'features:by_a@2', digest: one.digest }],
    },
  ])
})

test(
  'the online answer at any instant is the newest offline row of that instant',
  { timeout: 60_000 },
  async () => {
    const ctx = await newProject()
    const { features, store } = bench
    await bench.register(ctx, views)
    const random = seededRandom(11)
    const names = ['by_a:m', 'by_a:n', 'by_both:last', 'overall:m']
    const lookup = await features.planLookup(ctx, names, ['b', 'unused', 'a'])
    const checks: { a: string; b: number; ms: number; answer: readonly (number | null)[] }[] = []
    for (let ms = -20; ms < 4400; ms += 1 + Math.floor(random() * 12)) {
      await features.materialize(ctx, { until: at(ms) })
      for (const a of ['ORD', 'ATL', 'x\\y\u001F', 'nobody'])
        for (const b of [0, 1]) checks.push({ a, b, ms, answer: lookup([b, 'z', a], ms) })
    }
    expect(checks.length).toBeGreaterThan(4000)
    expect(checks.some(({ answer }) => answer.every((value) => value !== null))).toBe(true)

    // The independent way: for each check, the newest row by plain SQL over the offline Parquet.
    const expectedOf = async (view: string, feature: string, same: string, ttlMs: number) => {
      const { path } = await features.offline(ctx, view)
      const rows = checks.map(({ a, b, ms }, i) => `(${i}, ${sqlText(a)}, ${b}, ${ms})`)
      const found = await store.analytics.query(
        `SELECT c.i, (SELECT CASE WHEN ${ttlMs} = 0 OR c.ms - epoch_ms(event_ts) <= ${ttlMs} THEN v.${feature} END
         FROM read_parquet(${sqlText(path)}) AS v WHERE ${same} AND epoch_ms(v.event_ts) <= c.ms
         ORDER BY v.event_ts DESC LIMIT 1) AS value
       FROM (VALUES ${rows.join(', ')}) AS c(i, a, b, ms) ORDER BY c.i`,
      )
      return found.map((row) => row['value'])
    }
    const columns = await Promise.all([
      expectedOf('by_a', 'm', 'v.a = c.a', 50),
      expectedOf('by_a', 'n', 'v.a = c.a', 50),
      expectedOf('by_both', 'last', 'v.a = c.a AND v.b = c.b', 0),
      expectedOf('overall', 'm', 'true', 30),
    ])
    expect(checks.map(({ answer }) => answer)).toEqual(
      checks.map((_, i) => columns.map((column) => column[i])),
    )
  },
)

test('the reply says whether a value is there, NULL, too old or was never known', async () => {
  const ctx = await newProject()
  const { features } = bench
  await bench.register(ctx, [viewOf({ m: MEAN }, { entity: ['b'] })])
  await bench.data.importVersion(
    ctx,
    landings(),
    await bench.uploadSql(
      `SELECT 'p' AS a, b::BIGINT AS b, x::BIGINT AS x, 0.5::DOUBLE AS y, make_timestamp(ms * 1000) AS seen
       FROM (VALUES (1, 4, 910), (2, NULL, 910), (3, 4, 700)) AS t(b, x, ms)`,
    ),
  )
  await features.materialize(ctx, { until: at(950) })
  const request = { features: ['by_a:m'], entities: { b: [1, 2, 3, 4] }, at: at(940) }
  expect(await features.online(ctx, request)).toEqual({
    names: ['by_a:m'],
    rows: [
      { values: [4], statuses: ['PRESENT'], eventTimes: [at(910)] },
      { values: [null], statuses: ['NULL_VALUE'], eventTimes: [at(910)] },
      { values: [null], statuses: ['OUTSIDE_MAX_AGE'], eventTimes: [at(800)] },
      { values: [null], statuses: ['NOT_FOUND'], eventTimes: [null] },
    ],
  })
  // Without an instant, the clock's: ten seconds later everything is too old.
  const now = await features.online(ctx, { features: ['by_a:m'], entities: { b: [1] } })
  expect(now.rows[0]?.statuses).toEqual(['OUTSIDE_MAX_AGE'])
})

test('materializing again, or up to an earlier instant, moves nothing', async () => {
  const ctx = await newProject()
  const { features } = bench
  await bench.register(ctx, views.slice(1, 2))
  const first = await features.materialize(ctx, { until: at(2000) })
  expect(first).toMatchObject({ until: at(2000), views: [{ view: 'by_both', from: null }] })
  for (const until of [at(2000), at(500)])
    expect((await features.materialize(ctx, { until })).views).toEqual([
      { view: 'by_both', rows: 0, from: at(2000) },
    ])
  const rest = await features.materialize(ctx, { until: at(9000) })
  const { rows } = await features.offline(ctx, 'by_both')
  expect((first.views[0]?.rows ?? 0) + (rest.views[0]?.rows ?? 0)).toBe(rows)
})

test('a restarted server answers as the one before did at its watermark, and goes on from there', async () => {
  const ctx = await newProject()
  await bench.register(ctx, views)
  for (const until of [500, 700, 1500]) await bench.features.materialize(ctx, { until: at(until) })
  const names = ['by_a:m', 'by_both:last', 'overall:m']
  const answers = async (features: typeof bench.features, ms: number) => {
    const lookup = await features.planLookup(ctx, names, ['a', 'b'])
    return ['ORD', 'ATL'].flatMap((a) => [0, 1].map((b) => lookup([a, b], ms)))
  }
  const restarted = bench.restart()
  expect(await answers(restarted, 1500)).toEqual(await answers(bench.features, 1500))
  expect(await answers(restarted, 4000)).toEqual(await answers(bench.features, 4000))
  const reply = await restarted.materialize(ctx, { until: at(2000) })
  expect(reply.views.map(({ from }) => from)).toEqual([at(1500), at(1500), at(1500)])
  await bench.features.materialize(ctx, { until: at(2000) })
  expect(await answers(restarted, 2000)).toEqual(await answers(bench.features, 2000))
})

test('a new version of the dataset answers from the next materialization on', async () => {
  const ctx = await newProject()
  const { features, data } = bench
  await bench.register(ctx, views.slice(1, 2))
  await features.materialize(ctx, { until: at(4000) })
  const lookup = await features.planLookup(ctx, ['by_both:last'], ['a', 'b'])
  const [before] = lookup(['ORD', 0], 4000)
  await data.importVersion(ctx, landings(), await bench.uploadSql(LANDINGS.replace('i % 7', '42')))
  expect(lookup(['ORD', 0], 4000)).toEqual([before])
  await features.materialize(ctx, { until: at(4010) })
  expect(lookup(['ORD', 1], 4000)).toEqual([42])
})
