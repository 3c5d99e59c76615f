import type { DatasetSpec } from '@gyre/sdk/wire/dataset'
import type { FeatureSpec } from '@gyre/sdk/wire/feature'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { copyFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Context } from '../core/context.ts'
import { ctx as someone } from '../data/fixture.ts'
import { sqlText } from '../store/analytics.ts'
import { openFeaturesBench, viewOf, type FeaturesBench } from './fixture.ts'

// Every 20th of 3,000,000 real flights: vega-datasets' flights-3m.parquet (US BTS, January to June 2001).
const FLIGHTS = resolve('node_modules', 'vega-datasets', 'data', 'flights-3m.parquet')

const EARLY =
  'date + to_milliseconds(CAST(60000 * (30 + distance / 7.5 + greatest(delay, 0)) AS BIGINT))'

const flights: DatasetSpec = {
  name: 'flights',
  source: { format: 'parquet', path: 'flights.parquet' },
  columns: {
    date: { type: 'timestamp' },
    delay: { type: 'int' },
    distance: { type: 'int' },
    origin: { type: 'text' },
    destination: { type: 'text' },
  },
  derive: { late: 'delay > 15', known_at: EARLY },
  subject: 'flight',
  at: 'date',
  label: { column: 'late', knownAt: 'known_at' },
}

let bench: FeaturesBench
let raw: string
const ctx: Context = someone
beforeAll(async () => {
  bench = await openFeaturesBench()
  const path = bench.store.blobs.newTempPath()
  await copyFile(FLIGHTS, path)
  const { digest } = await bench.store.blobs.adopt(path)
  const source = `read_parquet(${sqlText(bench.store.blobs.pathOf(digest))}, file_row_number = true)`
  raw = `SELECT * EXCLUDE (file_row_number) FROM ${source} WHERE file_row_number % 20 = 0 ORDER BY file_row_number`
  await bench.data.importVersion(ctx, flights, await bench.uploadSql(raw))
}, 60_000)
afterAll(() => bench[Symbol.asyncDispose]())

let datasets = 0
/** Trains on `status` of another file, which `select` makes from the flights; its time is `seen_at`. */
async function trainOn(
  select: string,
  aggregate: FeatureSpec['aggregate'] = 'mean',
  subject?: string,
) {
  datasets += 1
  const name = `other_${datasets}`
  const columns: DatasetSpec['columns'] = { seen_at: { type: 'timestamp' } }
  const spec = { name, source: flights.source, columns, ...(subject ? { subject } : {}) }
  const labelled = `(SELECT *, row_number() OVER () - 1 AS n, delay > 15 AS late, ${EARLY} AS known FROM (${raw}))`
  const digest = await bench.uploadSql(select.replace('FLIGHTS', labelled))
  await bench.data.importVersion(ctx, spec, digest)
  const status = { aggregate, column: 'status', over: '2h' }
  const view = {
    name: `view_${datasets}`,
    from: name,
    eventTime: 'seen_at',
    every: '30m',
    ttl: '6h',
  }
  await bench.register(ctx, [viewOf({ status }, { ...view, entity: ['origin'] })])
  return train(view.name, 'status')
}

function train(view: string, feature: string) {
  return bench.features.trainingSet(
    ctx,
    {
      dataset: 'flights',
      every: 1,
      inputs: [{ kind: 'feature', name: feature, view, feature }],
      holdout: '0',
    },
    { until: '2001-02-01T00:00:00.000Z', window: '7d', transforms: [] },
  )
}

const unchecked = () =>
  bench.store.events.latest({ types: ['features.leakage-unchecked'] }).then((event) => event?.seq)

const LEAKS: readonly [string, string, FeatureSpec['aggregate'], string | undefined][] = [
  [
    'the label itself, an hour early, beside the other columns of the file',
    `SELECT date, distance, origin, destination, known - INTERVAL 1 HOUR AS seen_at, late AS status FROM FLIGHTS`,
    'mean',
    undefined,
  ],
  [
    'the label turned round',
    `SELECT date, distance, origin, destination, known - INTERVAL 1 HOUR AS seen_at, NOT late AS status FROM FLIGHTS`,
    'sum',
    undefined,
  ],
  [
    'the delay that decides it',
    `SELECT date, distance, origin, destination, known - INTERVAL 1 HOUR AS seen_at, delay AS status FROM FLIGHTS`,
    'max',
    undefined,
  ],
  [
    'rows named by a declared subject',
    `SELECT n AS flight, origin, known - INTERVAL 1 HOUR AS seen_at, late AS status FROM FLIGHTS`,
    'mean',
    'flight',
  ],
  [
    'rows in another order, of which only the airport is known',
    `SELECT origin, known - INTERVAL 1 HOUR AS seen_at, late AS status FROM FLIGHTS ORDER BY hash(n)`,
    'mean',
    undefined,
  ],
  [
    'a time like that of the flights, a minute off',
    `SELECT date + INTERVAL 1 MINUTE AS date, distance, origin, destination, known - INTERVAL 1 HOUR AS seen_at, late AS status FROM FLIGHTS`,
    'mean',
    undefined,
  ],
  [
    'only late flights, counted',
    `SELECT n AS flight, origin, known - INTERVAL 1 HOUR AS seen_at, 1 AS status FROM FLIGHTS WHERE late`,
    'count',
    'flight',
  ],
  [
    'rows named by a column that only the flights declare as their subject',
    `SELECT n AS flight, origin, known - INTERVAL 1 HOUR AS seen_at, late AS status FROM FLIGHTS ORDER BY hash(n)`,
    'mean',
    undefined,
  ],
  [
    'a minute early',
    `SELECT n AS flight, origin, known - INTERVAL 1 MINUTE AS seen_at, late AS status FROM FLIGHTS`,
    'mean',
    'flight',
  ],
]

test.each(LEAKS)('refused: %s', { timeout: 60_000 }, async (_, select, aggregate, subject) => {
  await expect(trainOn(select, aggregate, subject)).rejects.toMatchObject({
    code: 'LABEL_LEAK',
    message: expect.stringMatching(
      /^view view_\d+: column status tells the label flights\.late before it is known: in 100\.0 % of the rows seen_at lies before flights\.known_at, by (60|1) minutes/,
    ),
    details: { column: 'status', knownAt: 'known_at', share: 1 },
  })
})

const HONEST: readonly [string, string, string | undefined][] = [
  [
    'the label from the moment it is known',
    `SELECT date, distance, origin, destination, known AS seen_at, late AS status FROM FLIGHTS`,
    undefined,
  ],
  [
    'the same, rows named by a declared subject',
    `SELECT n AS flight, origin, known AS seen_at, late AS status FROM FLIGHTS`,
    'flight',
  ],
  [
    'the same, of which only the airport is known',
    `SELECT origin, known AS seen_at, late AS status FROM FLIGHTS ORDER BY hash(n)`,
    undefined,
  ],
  [
    'the distance, an hour early',
    `SELECT date, origin, destination, known - INTERVAL 1 HOUR AS seen_at, distance AS status FROM FLIGHTS`,
    undefined,
  ],
  [
    'the hour of departure, at departure',
    `SELECT n AS flight, origin, date AS seen_at, hour(date) AS status FROM FLIGHTS`,
    'flight',
  ],
]

test.each(HONEST)('passes: %s', { timeout: 60_000 }, async (_, select, subject) => {
  const before = await unchecked()
  expect((await trainOn(select, 'mean', subject)).train.rows).toBeGreaterThan(1000)
  expect(await unchecked()).toBe(before)
})

test('a source that has nothing to do with the rows passes, and leaves a warning', async () => {
  const { train: made } = await trainOn(
    `SELECT 'ORD' AS origin, TIMESTAMP '2001-01-01' + to_hours(i) AS seen_at, i % 2 AS status FROM range(500) AS t(i)`,
  )
  expect(made.rows).toBeGreaterThan(1000)
  expect(await bench.store.events.latest({ types: ['features.leakage-unchecked'] })).toMatchObject({
    subject: { kind: 'features', id: `view_${datasets}@1` },
    data: { dataset: 'dataset:flights@1', source: `dataset:other_${datasets}@1` },
  })
})

test.each([
  ['late', 'date', 'refused'],
  ['delay', 'date', 'refused'],
  ['late', 'known_at', 'passes'],
  ['delay', 'known_at', 'passes'],
  ['distance', 'date', 'passes'],
])(
  'column %s of the labelled flights themselves, seen at %s, is %s',
  async (column, eventTime, verdict) => {
    const name = `own_${column}_${eventTime}`
    const rate = { rate: { aggregate: 'mean', column, over: '2h' } } as const
    await bench.register(ctx, [
      viewOf(rate, {
        name,
        from: 'flights',
        entity: ['origin'],
        eventTime,
        every: '30m',
        ttl: '6h',
      }),
    ])
    const outcome = await train(name, 'rate').then(
      () => 'passes',
      (error: unknown) =>
        String(error).includes(`column ${column} tells the label`) ? 'refused' : error,
    )
    expect(outcome).toBe(verdict)
  },
)
