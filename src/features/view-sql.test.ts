import type { ViewSpec } from '@gyre/sdk/wire/feature'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { durationMs } from '../core/duration.ts'
import { seededRandom } from '../core/random.ts'
import { ctx } from '../data/fixture.ts'
import { sqlText } from '../store/analytics.ts'
import { bruteForceView, type Landing } from './fixture/brute-force.ts'
import type { OfflineRows } from './offline.ts'
import { landings, openFeaturesBench, viewOf, type FeaturesBench } from './fixture.ts'

let bench: FeaturesBench
beforeAll(async () => {
  bench = await openFeaturesBench()
})
afterAll(() => bench[Symbol.asyncDispose]())

const AGGREGATES = ['mean', 'sum', 'count', 'min', 'max', 'last'] as const

let projects = 0

/** Computes a view over `rows`, in a project of its own. */
async function offline(spec: ViewSpec, rows: readonly Landing[]): Promise<OfflineRows> {
  projects += 1
  const project = { ...ctx, project: `project_${projects}` }
  const values = rows.map(({ a, b, x, y, seen }) => {
    const time = seen === null ? 'NULL' : `make_timestamp(${Math.round(seen * 1000)})`
    return `(${a === null ? 'NULL' : sqlText(a)}, ${b}, ${x}, ${y}, ${time})`
  })
  const source = await bench.uploadSql(
    `SELECT a::VARCHAR AS a, b::BIGINT AS b, x::BIGINT AS x, y::DOUBLE AS y, seen::TIMESTAMP AS seen
     FROM (VALUES ${values.join(', ')}) AS t(a, b, x, y, seen)`,
  )
  await bench.data.importVersion(project, landings(), source)
  await bench.register(project, [spec])
  return bench.features.offline(project, spec.name)
}

/** The offline rows as the database has them. */
async function offlineRows(spec: ViewSpec, rows: readonly Landing[]) {
  const { path } = await offline(spec, rows)
  const found = await bench.store.analytics.query(`SELECT * FROM read_parquet(${sqlText(path)})`)
  return found.map((row) => ({
    entity: spec.entity.map((name) => row[name]),
    g: row['event_ts'],
    values: Object.keys(spec.features).map((name) => rounded(row[name])),
  }))
}

function expected(spec: ViewSpec, rows: readonly Landing[]) {
  const grid = {
    everyMs: Math.max(1, durationMs(spec.every)),
    ttlMs: durationMs(spec.ttl),
    overMs: Object.values(spec.features).map(({ over }) => (over ? durationMs(over) : undefined)),
  }
  return bruteForceView(spec, grid, rows).map((row) => ({
    ...row,
    values: row.values.map(rounded),
  }))
}

/** Sums of fractions may be taken in another order. */
function rounded(value: unknown): unknown {
  return typeof value === 'number' ? Number(value.toFixed(9)) : value
}

const row = (a: string | null, seen: number | null, x: number | null): Landing => {
  return { a, b: 1, x, y: x, seen }
}

test('rows stand where a value enters its window and where it leaves it', async () => {
  const mean = viewOf({ m: { aggregate: 'mean', column: 'x', over: '30ms' } })
  // 11 enters at the grid instant 20; (20, 50] still holds nothing of it, since 11 ≤ 50 − 30 is out.
  const found = await offlineRows(mean, [row('p', 11, 4), row('p', 20, 8), row('p', 21, null)])
  expect(found).toEqual([
    { entity: ['p'], g: 20, values: [6] },
    { entity: ['p'], g: 30, values: [6] },
    { entity: ['p'], g: 50, values: [null] },
    { entity: ['p'], g: 60, values: [null] },
  ])
})

test('rows without a time or without an entity count nowhere', async () => {
  const count = viewOf({ n: { aggregate: 'count', column: 'x', over: '10ms' } })
  const rows = [row(null, 5, 1), row('p', null, 1), row('p', 5, 1)]
  expect(await offlineRows(count, rows)).toEqual([
    { entity: ['p'], g: 10, values: [1] },
    { entity: ['p'], g: 20, values: [null] },
  ])
})

test('the latest value is that of the newest row, NULL included; of equal times, the last in the file', async () => {
  const last = viewOf({ x: { aggregate: 'last', column: 'x' } })
  const rows = [row('p', 8, 1), row('p', 8, 2), row('p', 3, 9), row('p', 15, null), row('p', 31, 5)]
  expect(await offlineRows(last, rows)).toEqual([
    { entity: ['p'], g: 10, values: [2] },
    { entity: ['p'], g: 20, values: [null] },
    { entity: ['p'], g: 40, values: [5] },
  ])
})

test('a latest value that stays valid for ever has a row only where it changes', async () => {
  const last = viewOf({ x: { aggregate: 'last', column: 'x' } }, { ttl: '0' })
  const rows = [
    row('p', 1, 7),
    row('p', 11, 7),
    row('p', 21, null),
    row('p', 31, null),
    row('p', 41, 7),
  ]
  expect(await offlineRows(last, rows)).toEqual([
    { entity: ['p'], g: 10, values: [7] },
    { entity: ['p'], g: 30, values: [null] },
    { entity: ['p'], g: 50, values: [7] },
  ])
})

test('any view equals the walk over its grid that defines it', { timeout: 60_000 }, async () => {
  const random = seededRandom(20260301)
  const pick = <T>(choices: readonly [T, ...T[]]) =>
    choices[Math.floor(random() * choices.length)] ?? choices[0]
  for (let round = 0; round < 24; round++) {
    const every = pick(['0', '1ms', '7ms', '10ms'])
    const width = Math.max(1, durationMs(every))
    const windows = pick([[undefined], [1], [3], [1, 5], [4, undefined]])
    const features: Record<string, ViewSpec['features'][string]> = {}
    for (const [i, cells] of windows.entries()) {
      const kinds = cells === undefined ? (['last'] as const) : AGGREGATES
      for (const aggregate of kinds) {
        const over = cells === undefined ? {} : { over: `${cells * width}ms` }
        features[`${aggregate}_${i}`] = { aggregate, column: pick(['x', 'y']), ...over }
      }
    }
    const entity = pick([[], ['a'], ['b'], ['a', 'b']])
    const spec = viewOf(features, { every, entity, ttl: pick(['0', '20ms']) })
    const start = pick([0, -100, 1e12])
    const rows = Array.from({ length: 1 + Math.floor(random() * 25) }, (): Landing => {
      return {
        a: pick(['p', 'q', "it's", null]),
        b: pick([1, 2, null]),
        x: random() < 0.2 ? null : Math.floor(random() * 4),
        y: random() < 0.2 ? null : random() - 0.5,
        // Whole steps of the grid and halves of a millisecond: both edges of every window.
        seen: random() < 0.05 ? null : start + Math.floor(random() * 160) / 2,
      }
    })
    if (!rows.some((one) => one.seen !== null && one.a !== null && one.b !== null)) continue
    expect({ spec, rows, found: await offlineRows(spec, rows) }).toEqual({
      spec,
      rows,
      found: expected(spec, rows),
    })
  }
})

test('equal rows and spec give equal bytes, sums of fractions included', async () => {
  const random = seededRandom(5)
  const rows = Array.from({ length: 4000 }, () => row('p', Math.floor(random() * 500), random()))
  const spec = viewOf({
    sum: { aggregate: 'sum', column: 'y', over: '100ms' },
    mean: { aggregate: 'mean', column: 'y', over: '50ms' },
  })
  const [first, second] = [await offline(spec, rows), await offline(spec, rows)]
  expect(second.digest).toBe(first.digest)
})
