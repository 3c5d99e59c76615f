import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openAnalyticsInProcess } from '../analytics-in-process.ts'
import { sqlName, sqlText } from '../analytics.ts'
import { tempFolder } from '../contract/temp-folder.ts'

async function opened() {
  const folder = await tempFolder()
  const options = { memoryMb: 256, tempFolder: join(folder, 'temp'), folders: [folder], threads: 2 }
  const analytics = await openAnalyticsInProcess(options)
  onTestFinished(() => analytics.close())
  return { analytics, folder }
}

/** Runs for hours if nobody stops it. */
const ENDLESS = 'SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b'

test.each([
  ['a syntax error', 'SELEC 1'],
  ['an unknown table', 'SELECT * FROM nowhere'],
  ['a value that does not convert', "SELECT 'x'::INT"],
])('%s is INVALID_ARGUMENT with DuckDB’s words', async (_what, sql) => {
  const { analytics } = await opened()
  await expect(analytics.query(sql)).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringMatching(/^(Parser|Catalog|Conversion) Error/),
  })
})

test('no query leaves the allowed folders, loads code, or unlocks the settings', async () => {
  const { analytics, folder } = await opened()
  const outside = join(await tempFolder(), 'x.csv')
  await writeFile(outside, 'a\n1\n')
  const refused = { code: 'INVALID_ARGUMENT' }
  for (const sql of [
    `SELECT * FROM read_csv(${sqlText(outside)})`,
    `COPY (SELECT 1) TO ${sqlText(outside)}`,
    `SELECT * FROM read_csv(${sqlText(join(folder, '..', 'x.csv'))})`,
    'INSTALL httpfs',
    'LOAD httpfs',
    'SET enable_external_access = true',
    "SET allowed_directories = ['/']",
    "ATTACH '/tmp/x.db'",
  ])
    await expect(analytics.query(sql)).rejects.toMatchObject(refused)
})

test('values come as JavaScript means them', async () => {
  const { analytics } = await opened()
  const [row] = await analytics.query(`SELECT 1::BIGINT AS big, 9007199254740993 AS huge,
    1.25::DECIMAL(6, 2) AS decimal, TIMESTAMP '2001-01-01 00:00:00.5' AS at, DATE '2001-01-02' AS day,
    NULL AS nothing, [1, NULL] AS list, {a: 'x'} AS struct, 'nan'::DOUBLE AS nan, true AS yes`)
  expect(row).toEqual({
    big: 1,
    huge: 9007199254740993n,
    decimal: 1.25,
    at: Date.UTC(2001, 0, 1, 0, 0, 0, 500),
    day: Date.UTC(2001, 0, 2),
    nothing: null,
    list: [1, null],
    struct: { a: 'x' },
    nan: NaN,
    yes: true,
  })
})

test('parameters keep their types, lists included', async () => {
  const { analytics } = await opened()
  const at = new Date('2001-01-01T00:00:00.123Z')
  const [row] = await analytics.query(
    `SELECT ? AS text, ? AS small, ? AS large, ? AS real, ? AS nothing, ? AS at, ? AS mixed, ? AS names,
      ?::BIGINT[] AS none`,
    ["it's", 1, 2 ** 40, 0.5, null, at, [1, 2.5], ['a', null], []],
  )
  expect(row).toEqual({
    text: "it's",
    small: 1,
    large: 2 ** 40,
    real: 0.5,
    nothing: null,
    at: at.getTime(),
    mixed: [1, 2.5],
    names: ['a', null],
    none: [],
  })
})

test('columns are typed arrays with their NULLs beside them', async () => {
  const { analytics } = await opened()
  const { rowCount, columns } = await analytics.columns(`SELECT range::INTEGER AS i,
    CASE WHEN range = 1 THEN NULL ELSE range / 2 END AS f, TIMESTAMP '2001-01-01' AS at,
    CASE WHEN range < 2 THEN 'ATL' ELSE 'JFK' END AS s, 1.5::DECIMAL(4, 1) AS d FROM range(3)`)
  const at = Date.UTC(2001, 0, 1)
  expect(rowCount).toBe(3)
  expect(columns).toEqual([
    { kind: 'int', name: 'i', type: 'INTEGER', values: Int32Array.of(0, 1, 2) },
    {
      kind: 'float',
      name: 'f',
      type: 'DOUBLE',
      values: Float64Array.of(0, 0, 1),
      valid: Uint8Array.of(1, 0, 1),
    },
    { kind: 'float', name: 'at', type: 'TIMESTAMP', values: Float64Array.of(at, at, at) },
    {
      kind: 'text',
      name: 's',
      type: 'VARCHAR',
      values: { keys: ['ATL', 'JFK'], index: Int32Array.of(0, 0, 1) },
    },
    { kind: 'float', name: 'd', type: 'DECIMAL(4,1)', values: Float64Array.of(1.5, 1.5, 1.5) },
  ])
})

test('columns of more rows than one of DuckDB’s chunks keep their order', async () => {
  const { analytics } = await opened()
  const { columns } = await analytics.columns('SELECT range AS i FROM range(10000)')
  expect(columns[0]).toMatchObject({ kind: 'float', type: 'BIGINT' })
  expect(columns[0]?.values).toEqual(Float64Array.from({ length: 10_000 }, (_, i) => i))
})

test('a cancelled query stops, and its connection serves the next one', async () => {
  const { analytics } = await opened()
  const abort = new AbortController()
  const all = [ENDLESS, ENDLESS, 'SELECT 1'].map((sql) =>
    analytics.query(sql, [], { signal: abort.signal }),
  )
  const settled = Promise.allSettled(all)
  abort.abort()
  for (const outcome of await settled)
    expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'CANCELLED' } })
  await expect(analytics.query(ENDLESS, [], { timeoutMs: 1 })).rejects.toMatchObject({
    code: 'TIMEOUT',
  })
  expect(await analytics.query('SELECT 1 AS one')).toEqual([{ one: 1 }])
})

test('more queries than may wait are OVERLOADED', async () => {
  const { analytics } = await opened()
  const abort = new AbortController()
  const all = Array.from({ length: 300 }, () =>
    analytics.query(ENDLESS, [], { signal: abort.signal }),
  )
  const settled = Promise.allSettled(all)
  abort.abort()
  const refused = (await settled).filter(
    (outcome) => outcome.status === 'rejected' && outcome.reason.code === 'OVERLOADED',
  )
  expect(refused).toHaveLength(300 - 256 - 2)
})

test('exec runs several statements on one connection, and what it wrote can be read', async () => {
  const { analytics, folder } = await opened()
  const path = join(folder, "it's.parquet")
  await analytics.exec(
    `CREATE TEMP TABLE ${sqlName('a "b"')} AS SELECT 7 AS x; COPY ${sqlName('a "b"')} TO ${sqlText(path)} (FORMAT parquet)`,
  )
  expect(await analytics.query('SELECT x FROM read_parquet($1)', [path])).toEqual([{ x: 7 }])
})
