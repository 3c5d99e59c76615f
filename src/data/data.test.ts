import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { ColumnContract, DatasetSpec } from '@gyre/sdk/wire/dataset'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Context } from '../core/context.ts'
import { sqlText } from '../store/analytics.ts'
import { csvSpec, ctx as someone, openDataBench, type DataBench } from './fixture.ts'

let bench: DataBench
beforeAll(async () => {
  bench = await openDataBench()
})
afterAll(() => bench[Symbol.asyncDispose]())

let projects = 0
function newProject(): Context {
  projects += 1
  return { ...someone, project: `project_${projects}` }
}

async function rowsOf({ store }: DataBench, digest: string): Promise<readonly object[]> {
  const path = store.blobs.pathOf(digest as `sha256:${string}`)
  return store.analytics.query(`SELECT * FROM read_parquet(${sqlText(path)})`)
}

const broken: readonly [string, ColumnContract, string, string, number][] = [
  ['a word where a whole number should be', { type: 'int' }, '7\nx\n8', 'type=int', 1],
  ['a fraction where a whole number should be', { type: 'int' }, '7\n1.5\n2', 'type=int', 1],
  ['infinity where a number should be', { type: 'number' }, '1\ninf\nnan', 'type=number', 2],
  ['half a date', { type: 'timestamp' }, '2001-01-01\n2001-01\n2001-13-01', 'type=timestamp', 2],
  ['a maybe', { type: 'boolean' }, 'true\nmaybe\nf', 'type=boolean', 1],
  ['a hole', { type: 'int' }, '7\n\n8', 'not null', 1],
  ['a value below', { type: 'int', min: 0 }, '0\n-1\n-2', 'min=0', 2],
  ['a value above', { type: 'number', max: 1 }, '1\n1.01\n0', 'max=1', 1],
  [
    'an early date',
    { type: 'timestamp', min: 86_400_000 },
    '1970-01-02\n1970-01-01',
    'min=86400000',
    1,
  ],
  [
    'a text of another shape',
    { type: 'text', pattern: '^[A-Z]{3}$' },
    'ORD\nord',
    'pattern=^[A-Z]{3}$',
    1,
  ],
  ['a text not in the list', { type: 'text', oneOf: ['a', "b'"] }, "a\nb'\nc", "one of a, b'", 1],
  ['a value twice', { type: 'int', unique: true }, '1\n2\n2\n1', 'unique', 2],
  ['more exceptions than allowed', { type: 'int', max: 5, mostly: 0.75 }, '1\n6\n7\n2', 'max=5', 2],
]

test.each(broken)('%s breaks the contract, and nothing stays behind', async (...line) => {
  const [, contract, text, check, unexpected] = line
  const ctx = newProject()
  const source = await bench.upload(
    `x,y\n${text
      .split('\n')
      .map((x) => `${x},0`)
      .join('\n')}\n`,
  )
  const importing = bench.data.importVersion(ctx, csvSpec({ x: contract }), source)
  await expect(importing).rejects.toMatchObject({
    code: 'CONTRACT_BROKEN',
    message: expect.stringContaining('column x'),
    details: { column: 'x', check, unexpected, samples: expect.any(Array) },
  })
  expect(await bench.data.find(ctx, 'flights')).toBeUndefined()
  expect(await readdir(join(bench.store.folder, 'blobs', 'temp'))).toEqual([])
  const { runs } = await bench.store.runs.list(ctx, { kind: 'import' }, 10)
  expect(runs.map(({ status, error }) => [status, error?.code])).toEqual([
    ['failed', 'CONTRACT_BROKEN'],
  ])
})

/** 100 rows of which so many are above 5. */
async function importOf(above: number, mostly: number) {
  const values = Array.from({ length: 100 }, (_, i) => (i < above ? '6,0' : '5,0'))
  const source = await bench.upload(`x,y\n${values.join('\n')}\n`)
  const x = { type: 'int', max: 5, mostly } as const
  return bench.data.importVersion(newProject(), csvSpec({ x }), source)
}

test.each([
  [0.55, 45, 46],
  [0.99, 1, 2],
  [1, 0, 1],
])(
  'a share of %d that must comply is kept by %d exceptions in 100, broken by %d',
  async (mostly, on, off) => {
    await expect(importOf(off, mostly)).rejects.toMatchObject({
      code: 'CONTRACT_BROKEN',
      details: { column: 'x', check: 'max=5', unexpected: off },
    })
    expect((await importOf(on, mostly)).checks).toContainEqual(
      expect.objectContaining({ check: 'max=5', unexpected: on, mostly, passed: true }),
    )
  },
)

test('a broken contract shows up to five of the rows that break it', async () => {
  const ctx = newProject()
  const source = await bench.upload(
    `x,who\n${Array.from({ length: 9 }, (_, i) => `-1,r${i}`).join('\n')}\n`,
  )
  const importing = bench.data.importVersion(ctx, csvSpec({ x: { type: 'int', min: 0 } }), source)
  await expect(importing).rejects.toMatchObject({
    details: {
      samples: [0, 1, 2, 3, 4].map((i) => expect.objectContaining({ x: '-1', who: `r${i}` })),
    },
  })
})

const offLines: readonly [string, string, number, string][] = [
  ['the first row', 'x,y\nno,0\n', 2, '"no"'],
  ['after a value of two lines', 'x,y\n1,"a\nb, ""c"""\nno,0\n', 4, '"no"'],
  ['after blank lines, of a file from Windows', 'x,y\r\n\r\n1,0\r\n\r\nno,0\r\n', 5, '"no"'],
  ['after a line above the header', 'made by hand\nx;y\n1;0\n1;0\nno;0', 5, '"no"'],
  ['without a last line break, and of no value', 'x,y\n1,0\n,0', 3, 'no value'],
  ['the first of several', `x,y\n${'1,0\n'.repeat(30_000)}no,0\nnever,0\n`, 30_002, '"no"'],
]

test.each(offLines)(
  'a value that breaks the contract is told by its line: %s',
  async (...given) => {
    const [, text, line, value] = given
    const source = await bench.upload(text)
    const importing = bench.data.importVersion(
      newProject(),
      csvSpec({ x: { type: 'int' } }),
      source,
    )
    await expect(importing).rejects.toMatchObject({
      code: 'CONTRACT_BROKEN',
      message: expect.stringMatching(
        new RegExp(`^flights: column x breaks .*, first on line ${line}: ${value}$`),
      ),
      details: { column: 'x', line },
    })
  },
)

const undivided: readonly [string, string, number, string][] = [
  ['more values, near the top', 'x,y\n1,2\n3,4,5\n6,7\n', 3, 'expected 2 columns, got 3: 3,4,5'],
  ['fewer values, near the top', 'x;y\n1;2\n3\n6;7\n', 3, 'expected 2 columns, got 1: 3'],
  ['more values, far below', `x,y\n${'1,2\n'.repeat(50_000)}3,4,5\n`, 50_002, 'got 3: 3,4,5'],
]

test.each(undivided)('a line with other columns than the header is named: %s', async (...given) => {
  const [, text, line, message] = given
  const source = await bench.upload(text)
  const importing = bench.data.importVersion(newProject(), csvSpec({ x: { type: 'int' } }), source)
  await expect(importing).rejects.toMatchObject({
    code: 'INVALID_INPUT',
    message: expect.stringMatching(
      new RegExp(`^source: not readable as csv: line ${line}: .*${message}$`),
    ),
    details: { line },
  })
})

test('a column may have a comma in its name', async () => {
  const source = await bench.upload('"x,y"\n1\n2\n')
  const spec = csvSpec({ 'x,y': { type: 'int' } })
  const version = await bench.data.importVersion(newProject(), spec, source)
  expect(version.rows).toBe(2)
})

const refused: readonly [string, Partial<DatasetSpec>, string, RegExp][] = [
  [
    'a column the file lacks',
    { columns: { z: { type: 'int' } } },
    'CONTRACT_BROKEN',
    /column z is missing; the file has x, day/,
  ],
  [
    'a bound on a text',
    { columns: { x: { type: 'text', min: 1 } } },
    'INVALID_ARGUMENT',
    /columns\.x: expected no min/,
  ],
  [
    'a pattern on a number',
    { columns: { x: { type: 'int', pattern: 'a' } } },
    'INVALID_ARGUMENT',
    /columns\.x: expected no pattern/,
  ],
  [
    'a pattern that is none',
    { columns: { x: { type: 'text', pattern: '(' } } },
    'INVALID_ARGUMENT',
    /columns\.x\.pattern/,
  ],
  [
    'a match in a dataset',
    { columns: { x: { type: 'int', matches: { view: 'v', feature: 'f', within: 0.1 } } } },
    'INVALID_ARGUMENT',
    /columns\.x\.matches/,
  ],
  [
    'a derived column named like a given one',
    { derive: { x: '1' } },
    'INVALID_ARGUMENT',
    /derive\.x/,
  ],
  [
    'an at that is no column',
    { at: 'when' },
    'INVALID_ARGUMENT',
    /^at: expected one of the columns x, day, row/,
  ],
  [
    'an at that is no time',
    { at: 'x' },
    'INVALID_ARGUMENT',
    /^at: expected a timestamp, but x is BIGINT/,
  ],
  [
    'a label known at no time',
    { label: { column: 'x', knownAt: 'x' } },
    'INVALID_ARGUMENT',
    /^label\.knownAt/,
  ],
  [
    'a label that is no column',
    { label: { column: 'y', knownAt: 'day' } },
    'INVALID_ARGUMENT',
    /^label\.column/,
  ],
  [
    'a Parquet file that is none',
    { source: { format: 'parquet', path: 'f' } },
    'INVALID_INPUT',
    /^source: not readable as parquet: [^\n/]+ the file[^\n/]*$/,
  ],
]

test.each(refused)('%s is refused', async (_, change, code, message) => {
  const ctx = newProject()
  const source = await bench.upload('x,day\n1,2001-01-01\n')
  const columns = { x: { type: 'int' }, day: { type: 'timestamp' } } as const
  const importing = bench.data.importVersion(ctx, csvSpec(columns, change), source)
  await expect(importing).rejects.toMatchObject({ code, message: expect.stringMatching(message) })
})

test('bytes that are no CSV are refused in one line, which names no path of ours', async () => {
  const noise = Uint8Array.from({ length: 600 }, (_, i) => i * i * 31 + i * 7 + (i >> 3) * 13)
  const noText = Buffer.from([...Buffer.from('x\n1\n'), 0xff, 0xfe, 0x0a])
  for (const [file, reason] of [
    [noise, /^source: not readable as csv: [^\n/]+ when sniffing the file\. It was [^\n]+dialect$/],
    [noText, /^source: not readable as csv: [^\n/]+ Invalid unicode [^\n/]+ not utf-8 encoded\.$/],
  ] as const) {
    const source = await bench.upload(file)
    const importing = bench.data.importVersion(
      newProject(),
      csvSpec({ x: { type: 'int' } }),
      source,
    )
    await expect(importing).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      message: expect.stringMatching(reason),
    })
  }
})

test('a broken line of JSON, a file without rows and an upload nobody made are refused', async () => {
  const ctx = newProject()
  const spec = csvSpec({ x: { type: 'int' } })
  const json = csvSpec({ x: { type: 'int' } }, { source: { format: 'jsonl', path: 'f' } })
  const half = bench.data.importVersion(ctx, json, await bench.upload('{"x": 1}\n{"x": \n'))
  await expect(half).rejects.toMatchObject({ code: 'INVALID_INPUT' })
  const empty = bench.data.importVersion(ctx, spec, await bench.upload('x\n'))
  await expect(empty).rejects.toMatchObject({ code: 'INVALID_INPUT' })
  const nobody = bench.data.importVersion(ctx, spec, `sha256:${'0'.repeat(64)}`)
  await expect(nobody).rejects.toMatchObject({ code: 'NOT_FOUND' })
  await expect(bench.data.getVersion(ctx, 'flights')).rejects.toMatchObject({ code: 'NOT_FOUND' })
})

test('rows keep the order of the file, numbered from 0, each column as its declared type', async () => {
  const ctx = newProject()
  const source = await bench.upload(
    'x,day,late,note\n3,2001-01-01T00:00:00+02:00,true,a\n1,2001-01-02 00:00:00,f,\n2,2001-01-03,1,c\n',
  )
  const spec = csvSpec(
    { x: { type: 'int' }, day: { type: 'timestamp' }, late: { type: 'boolean' } },
    { subject: 'flight', derive: { twice: 'x * 2', more: 'twice + 1' } },
  )
  const version = await bench.data.importVersion(ctx, spec, source)
  expect(await rowsOf(bench, version.digest)).toEqual([
    { x: 3, day: Date.UTC(2000, 11, 31, 22), late: true, note: 'a', flight: 0, twice: 6, more: 7 },
    { x: 1, day: Date.UTC(2001, 0, 2), late: false, note: null, flight: 1, twice: 2, more: 3 },
    { x: 2, day: Date.UTC(2001, 0, 3), late: true, note: 'c', flight: 2, twice: 4, more: 5 },
  ])
})

test('a subject that the file has is kept as it is', async () => {
  const ctx = newProject()
  const source = await bench.upload('id\nb\na\n')
  const version = await bench.data.importVersion(
    ctx,
    csvSpec({ id: { type: 'text' } }, { subject: 'id' }),
    source,
  )
  expect(await rowsOf(bench, version.digest)).toEqual([{ id: 'b' }, { id: 'a' }])
})

test('the profile counts nulls and distinct values and gives extremes and mean', async () => {
  const ctx = newProject()
  const source = await bench.upload('x,day\n4,2001-01-02\n,2001-01-01\n1,2001-01-02\n')
  const spec = csvSpec({ x: { type: 'int', nullable: true }, day: { type: 'timestamp' } })
  const { profile, checks, rows } = await bench.data.importVersion(ctx, spec, source)
  expect(rows).toBe(3)
  expect(checks.every(({ passed }) => passed)).toBe(true)
  expect(profile).toEqual([
    { name: 'x', type: 'BIGINT', nulls: 1, distinct: 2, min: 1, max: 4, mean: 2.5 },
    {
      name: 'day',
      type: 'TIMESTAMP',
      nulls: 0,
      distinct: 2,
      min: '2001-01-01T00:00:00.000Z',
      max: '2001-01-02T00:00:00.000Z',
      mean: null,
    },
    { name: 'row', type: 'BIGINT', nulls: 0, distinct: 3, min: 0, max: 2, mean: 1 },
  ])
})

test('the newest version is answered again for equal bytes and spec, wherever the client keeps the file', async () => {
  const ctx = newProject()
  const spec = csvSpec({ x: { type: 'int' } })
  const [a, b] = [await bench.upload('x\n1\n'), await bench.upload('x\n2\n')]
  const [first, twin] = await Promise.all([
    bench.data.importVersion(ctx, spec, a),
    bench.data.importVersion(ctx, spec, a),
  ])
  expect(twin).toEqual(first)
  const moved = { ...spec, source: { format: 'csv', path: 'elsewhere.csv' } } as const
  expect(await bench.data.importVersion(ctx, moved, a)).toEqual(first)
  expect((await bench.data.importVersion(ctx, spec, b)).ref).toBe('dataset:flights@2')
  expect((await bench.data.importVersion(ctx, spec, a)).ref).toBe('dataset:flights@3')
  expect((await bench.data.getVersion(ctx, 'flights', '1')).digest).toBe(first.digest)
  expect((await bench.data.list(ctx)).map(({ ref }) => ref)).toEqual([
    'dataset:flights@3',
    'dataset:flights@2',
    'dataset:flights@1',
  ])
  expect(await bench.data.find({ ...ctx, project: 'other' }, 'flights')).toBeUndefined()
})

test('an import is a run from upload to version, and an event', async () => {
  const ctx = newProject()
  const source = await bench.upload('x\n1\n')
  const version = await bench.data.importVersion(ctx, csvSpec({ x: { type: 'int' } }), source)
  expect(await bench.store.runs.get(ctx, version.runId)).toMatchObject({
    kind: 'import',
    status: 'succeeded',
    inputs: [{ ref: `artifact:${source}`, role: 'source', digest: source }],
    outputs: [{ ref: 'dataset:flights@1', role: 'dataset', digest: version.digest }],
  })
  expect(
    await bench.store.events.latest({ project: ctx.project, types: ['dataset.imported'] }),
  ).toMatchObject({
    subject: { kind: 'dataset', id: 'flights@1' },
    data: { digest: version.digest, rows: 1, runId: version.runId },
  })
})
