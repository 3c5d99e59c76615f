import { appendFile, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { fakeClock } from '../../core/clock.ts'
import { createIds } from '../../core/id.ts'
import { silentLog } from '../../core/log.ts'
import { openAnalyticsInProcess } from '../analytics-in-process.ts'
import { faultyFiles } from '../contract/faulty-files.ts'
import { ask, COLUMNS, FSYNC, ids, idsIn, range, rowsContract, textOf } from '../contract/rows.ts'
import { tempFolder } from '../contract/temp-folder.ts'
import { openNdjson } from './ndjson.ts'
import { openSqlite } from './sqlite.ts'

/** One data folder that may be opened again and again, as after a crash: rows are not closed in between. */
async function home() {
  const folder = await tempFolder()
  const clock = fakeClock()
  const catalog = await openSqlite({ path: join(folder, 'catalog.db'), clock })
  onTestFinished(() => catalog.close())
  const analytics = await openAnalyticsInProcess({
    memoryMb: 256,
    tempFolder: join(folder, 'temp'),
    folders: [folder],
  })
  onTestFinished(() => analytics.close())
  const files = faultyFiles()
  const newId = createIds(() => 0)
  const rowsFolder = join(folder, 'rows')
  async function open() {
    const deps = { folder: rowsFolder, catalog, analytics, files, clock, newId, log: silentLog }
    const rows = await openNdjson(deps)
    onTestFinished(() => rows.close())
    return rows
  }
  const names = () => readdir(join(rowsFolder, 'feedback'))
  return { open, analytics, files, catalog, rowsFolder, names }
}

rowsContract(async () => {
  const { open, analytics, catalog } = await home()
  return { rows: await open(), analytics, catalog }
})

test('a hold has the live rows of a stream that nobody has opened since the start', async () => {
  const { open, catalog } = await home()
  const before = await open()
  await before.stream('feedback', FSYNC).append(ids(0, 3))
  await before.close()
  const rows = await open()
  const held = await rows.hold()
  const [file, ...others] = await held.files(catalog.read)
  expect(others).toEqual([])
  expect((await textOf(file)).split('\n')).toHaveLength(4)
  await held.release()
})

test('an fsync append is answered after write and fsync, and many that meet share one', async () => {
  const { open, files } = await home()
  const stream = (await open()).stream('feedback', FSYNC)
  await stream.append(ids(0, 1))
  files.steps.length = 0
  await stream.append(ids(1, 1))
  const file = /seg_\w+\.ndjson/
  expect(files.steps.map((step) => step.replace(file, 'FILE'))).toEqual([
    'write FILE',
    'datasync FILE',
  ])
  files.steps.length = 0
  await Promise.all(range(100).map((i) => stream.append(ids(2 + i, 1))))
  expect(files.steps.filter((step) => step.startsWith('datasync')).length).toBeLessThanOrEqual(2)
})

test('a segment becomes Parquet by fsync, rename, fsync of the folder, and only then a row', async () => {
  const { open, files, catalog } = await home()
  const rows = await open()
  await rows.stream('feedback', FSYNC).append(ids(0, 3))
  files.steps.length = 0
  await rows.roll('feedback')
  expect(files.steps.map((step) => step.replace(/seg_\w+/, 'FILE'))).toEqual([
    'sync FILE.tmp',
    'rename FILE.parquet',
    'syncFolder feedback',
  ])
  expect(await catalog.read.selectFrom('segments').select(['state', 'rows']).execute()).toEqual([
    { state: 'parquet', rows: 3 },
  ])
})

test.each(['write', 'datasync'] as const)(
  'a disk that fills up during %s is DISK_FULL, keeps nothing of it, and the next append works',
  async (step) => {
    const { open, files, analytics } = await home()
    const stream = (await open()).stream('feedback', FSYNC)
    await stream.append(ids(0, 3))
    files.failNext(step)
    await expect(stream.append(ids(100, 50))).rejects.toMatchObject({ code: 'DISK_FULL' })
    expect(await idsIn(analytics, stream)).toEqual(range(3))
    await stream.append(ids(3, 2))
    expect(await idsIn(analytics, stream)).toEqual(range(5))
  },
)

test('a half-written batch that could not be cut back is cut before the next one', async () => {
  const { open, files, analytics } = await home()
  const stream = (await open()).stream('feedback', FSYNC)
  await stream.append(ids(0, 3))
  files.failNext('write')
  files.failNext('truncate')
  await expect(stream.append(ids(100, 50))).rejects.toMatchObject({ code: 'DISK_FULL' })
  await stream.append(ids(3, 2))
  expect(await idsIn(analytics, stream)).toEqual(range(5))
})

test('deferred rows the disk refused are counted as dropped', async () => {
  const { open, files } = await home()
  const stream = (await open()).stream('feedback', { ...FSYNC, durability: 'deferred' })
  await stream.append(ids(0, 3))
  files.failNext('datasync')
  await expect(stream.flush()).rejects.toMatchObject({ code: 'DISK_FULL' })
  expect(stream.dropped()).toBe(3)
})

test.each([
  ['cut in the middle', '{"id":7,"sco'],
  ['cut before its line feed', '{"id":7,"_":1}'],
  ['of zeros, as a power cut leaves them', '\0'.repeat(4096)],
])('a tail %s keeps its whole lines, and appends go on after them', async (_what, tail) => {
  const { open, analytics, names, rowsFolder } = await home()
  await (await open()).stream('feedback', FSYNC).append(ids(0, 3))
  const [name = ''] = await names()
  await appendFile(join(rowsFolder, 'feedback', name), tail)

  const rows = await open()
  const stream = rows.stream('feedback', FSYNC)
  expect(await idsIn(analytics, stream)).toEqual(range(3))
  await stream.append(ids(3, 1))
  await rows.roll('feedback')
  expect(await idsIn(analytics, stream)).toEqual(range(4))
})

test('a batch that a crash cut between two of its lines is not there at all', async () => {
  const { open, analytics, names, rowsFolder } = await home()
  const before = (await open()).stream('feedback', FSYNC)
  await before.append(ids(0, 3))
  const [name = ''] = await names()
  const path = join(rowsFolder, 'feedback', name)
  const whole = await readFile(path)
  await Promise.all([before.append(ids(3, 50)), before.append(ids(53, 50))])
  const grown = await readFile(path)
  const lineEnds = [...grown.entries()].flatMap(([at, byte]) => (byte === 10 ? [at + 1] : []))

  for (const [lines, rows] of [
    [4, 3],
    [52, 3],
    [53, 53],
    [102, 53],
    [103, 103],
  ] as const) {
    await writeFile(path, grown.subarray(0, lineEnds[lines - 1]))
    const reopened = (await open()).stream('feedback', FSYNC)
    expect(await idsIn(analytics, reopened)).toEqual(range(rows))
  }
  expect(grown.subarray(0, whole.length)).toEqual(whole)
  const rolled = await open()
  const stream = rolled.stream('feedback', FSYNC)
  await stream.append(ids(103, 2))
  await rolled.roll('feedback')
  expect(await idsIn(analytics, stream)).toEqual(range(105))
})

test('a reader beside a torn tail sees whole lines only', async () => {
  const { open, analytics, names, rowsFolder } = await home()
  const stream = (await open()).stream('feedback', FSYNC)
  await stream.append(ids(0, 3))
  const [name = ''] = await names()
  await appendFile(join(rowsFolder, 'feedback', name), '{"id":7,"sco')
  expect(await idsIn(analytics, stream)).toEqual(range(3))
})

test.each(['sync', 'rename'] as const)(
  'a roll that fails at %s loses and doubles nothing, and is done by the next start',
  async (step) => {
    const { open, analytics, files, names } = await home()
    const rows = await open()
    const stream = rows.stream('feedback', FSYNC)
    await stream.append(ids(0, 3))
    files.failNext(step)
    await rows.roll('feedback')
    expect(await idsIn(analytics, stream)).toEqual(range(3))

    const again = await open()
    const reopened = again.stream('feedback', FSYNC)
    expect(await idsIn(analytics, reopened)).toEqual(range(3))
    await again.close()
    expect(await names()).toEqual([expect.stringMatching(/\.parquet$/)])
    expect(await idsIn(analytics, reopened)).toEqual(range(3))
  },
)

test('files the catalog does not name are swept: a Parquet a crash left unnamed, a temp, an empty segment', async () => {
  const { open, analytics, names, rowsFolder } = await home()
  await (await open()).stream('feedback', FSYNC).append(ids(0, 3))
  const before = await names()
  for (const orphan of ['seg_x.parquet', 'seg_x.tmp', 'seg_y.ndjson'])
    await writeFile(join(rowsFolder, 'feedback', orphan), '{"id":9,"_":1}\n')
  const stream = (await open()).stream('feedback', FSYNC)
  expect(await names()).toEqual(before)
  expect(await idsIn(analytics, stream)).toEqual(range(3))
})

test('a column added later is NULL in the rows from before', async () => {
  const { open, analytics } = await home()
  const rows = await open()
  const old = rows.stream('feedback', { durability: 'fsync', columns: { id: 'INTEGER' } })
  await old.append(ids(0, 2))
  await rows.roll('feedback')
  await old.append(ids(2, 1))
  const stream = (await open()).stream('feedback', FSYNC)
  await stream.append([{ id: 3, score: 0.5 }])
  expect(await ask(analytics, stream, 'id, score')).toHaveLength(4)
  expect(await ask(analytics, stream, 'sum(score) AS s, count(*) AS n')).toEqual([{ s: 0.5, n: 4 }])
  expect(Object.keys(COLUMNS)).toContain('score')
})
