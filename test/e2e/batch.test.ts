import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Batch } from '@gyre/sdk/wire/batch'
import { PredictReply } from '@gyre/sdk/wire/predict'
import { DuckDBInstance } from '@duckdb/node-api'
import { beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { z } from 'zod'
import { LINEAR3_ONNX } from '../../src/infer/fixture.ts'
import { tempFolder } from '../../src/store/contract/temp-folder.ts'
import { begin, build, gyre, launch, up } from './program.ts'

beforeAll(() => build())

const ROWS = 40_000
const SHARD_ROWS = 4_000

const BatchList = z.object({ batches: z.array(Batch) })
const Manifest = z.object({
  batch: z.string(),
  model: z.string(),
  rows: z.number(),
  failedRows: z.number(),
  columns: z.array(z.object({ name: z.string(), type: z.string() })),
  shards: z.array(z.object({ file: z.string(), rows: z.number(), firstRow: z.number() })),
})

/** DuckDB of the test's own: the files are read as anybody would read them. */
async function sql(text: string): Promise<readonly Record<string, unknown>[]> {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  try {
    return (await connection.runAndReadAll(text)).getRowObjectsJS()
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

/** A data folder in which `churn@1` serves. */
async function served(data: string): Promise<void> {
  const file = join(await tempFolder(), 'churn.onnx')
  await writeFile(file, LINEAR3_ONNX)
  const server = await launch(data, { command: ['serve', file, '--name', 'churn'] })
  await server.stop('SIGTERM')
}

const shardsDone = async (url: string): Promise<number> => {
  const reply = await fetch(`${url}/api/v1/batches`)
  return BatchList.parse(await reply.json()).batches[0]?.shards ?? 0
}

test('kill -9 in the middle, again and again: every row is there once, as it is answered online', async () => {
  const folder = await tempFolder()
  const data = join(folder, 'data')
  await served(data)
  const [input, out] = [join(folder, 'rows.parquet'), join(folder, 'out')]
  await sql(
    `COPY (SELECT i AS id, [i / 1000, 2.0, 0.5] AS features FROM range(${ROWS}) AS t(i)) TO '${input}' (FORMAT parquet)`,
  )
  let server = await launch(data)
  onTestFinished(async () => void (await server.stop('SIGKILL')))
  const args = ['--shard-rows', String(SHARD_ROWS), '--url', server.url]
  const command = begin(['batch', 'churn', input, '--out', join(folder, 'cut'), ...args])
  onTestFinished(() => command.kill())
  for (const least of [1, 3]) {
    await vi.waitFor(
      async () => expect(await shardsDone(server.url)).toBeGreaterThanOrEqual(least),
      {
        timeout: 60_000,
        interval: 20,
      },
    )
    await server.stop('SIGKILL')
    server = await launch(data)
  }
  command.kill()
  const [batch] = BatchList.parse(
    await (await fetch(`${server.url}/api/v1/batches`)).json(),
  ).batches
  const fetched = await gyre([
    'batches',
    'fetch',
    batch?.id ?? '',
    '--out',
    out,
    '--url',
    server.url,
  ])
  expect(fetched).toMatchObject({ code: 0, stderr: '' })
  expect(fetched.stdout).toContain('40000 rows by model:churn@1, 0 failed; 10 files')

  const manifest = Manifest.parse(JSON.parse(await readFile(join(out, '_manifest.json'), 'utf8')))
  expect(manifest).toMatchObject({ batch: batch?.id, rows: ROWS, failedRows: 0 })
  expect(manifest.shards.map(({ firstRow }) => firstRow)).toEqual(
    Array.from({ length: ROWS / SHARD_ROWS }, (_, shard) => shard * SHARD_ROWS),
  )
  expect((await readdir(out)).toSorted()).toEqual(
    ['_manifest.json', ...manifest.shards.map(({ file }) => file)].toSorted(),
  )
  const parts = `read_parquet('${join(out, 'part-*.parquet')}')`
  expect(
    await sql(
      `SELECT count(*)::INTEGER AS n, count(DISTINCT id)::INTEGER AS ids, min(id)::INTEGER AS first, max(id)::INTEGER AS last FROM ${parts}`,
    ),
  ).toEqual([{ n: ROWS, ids: ROWS, first: 0, last: ROWS - 1 }])
  const some = await sql(
    `SELECT id::INTEGER AS id, prediction, confidence, score FROM ${parts} WHERE id % 1999 = 0 ORDER BY id`,
  )
  expect(some).toHaveLength(21)
  for (const { id, ...answer } of some) {
    const reply = await fetch(`${server.url}/predict/churn`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ input: { features: [Number(id) / 1000, 2, 0.5] } }),
    })
    const { prediction, confidence, score } = PredictReply.parse(await reply.json())
    expect(answer).toEqual({ prediction, confidence, score })
  }
})

test('a file of CSV comes back with its bad rows marked; what cannot be done is one line', async () => {
  const folder = await tempFolder()
  const data = join(folder, 'data')
  await served(data)
  const server = await up(data)
  const at = (name: string) => join(folder, name)
  const run = (...args: readonly string[]) => gyre(['batch', ...args, '--url', server.url])
  await writeFile(at('rows.csv'), 'id,features\n1,"[1,2,0.5]"\n2,far\n')
  await writeFile(at('other.csv'), 'id,size\n1,2\n')
  await writeFile(at('rows.parquet'), 'no parquet')
  await mkdir(at('full'))
  await writeFile(at('full/mine.txt'), 'mine')

  for (const [args, code, line] of [
    [['churn', at('rows.txt'), '--out', at('o')], 2, /input: expected FILE.parquet or FILE.csv/],
    [['churn', at('gone.csv'), '--out', at('o')], 2, /gone.csv/],
    [['churn', at('rows.csv'), '--out', at('full')], 2, /--out: .*mine.txt already/],
    [['churn', at('rows.csv'), '--out', at('o'), '--shard-rows', 'x'], 2, /--shard-rows/],
    [['churn', at('other.csv'), '--out', at('o')], 2, /columns.features: missing.*id, size/],
    [['churn', at('rows.parquet'), '--out', at('o')], 2, /not readable as parquet/],
    [['nope', at('rows.csv'), '--out', at('o')], 1, /nope/],
  ] as const)
    expect.soft([args, await run(...args)]).toEqual([
      args,
      {
        code,
        stdout: '',
        stderr: expect.stringMatching(new RegExp(`^gyre: [^\\n]*${line.source}[^\\n]*\\n$`)),
      },
    ])

  const done = await run('churn', at('rows.csv'), '--out', at('o'), '--json')
  expect(done).toMatchObject({ code: 0, stderr: '' })
  const manifest = Manifest.parse(JSON.parse(done.stdout))
  expect(manifest).toMatchObject({ model: 'model:churn@1', rows: 2, failedRows: 1 })
  expect(await sql(`SELECT id, error FROM '${at('o/part-00000.parquet')}'`)).toEqual([
    { id: '1', error: null },
    { id: '2', error: 'INVALID_INPUT' },
  ])
  const listed = await gyre(['batches', '--url', server.url])
  expect(listed.stdout).toMatch(/succeeded +2 +2 +1/)
  const cancelled = await gyre(['batches', 'cancel', manifest.batch, '--url', server.url])
  expect(cancelled).toMatchObject({ code: 1, stdout: '' })
  const again = await gyre([
    'batches',
    'fetch',
    manifest.batch,
    '--out',
    at('o'),
    '--url',
    server.url,
  ])
  expect(again).toMatchObject({ code: 0, stderr: '' })
  const shown = await gyre(['batches', 'show', manifest.batch, '--url', server.url])
  expect(Batch.parse(JSON.parse(shown.stdout))).toMatchObject({ status: 'succeeded', done: 2 })
})
