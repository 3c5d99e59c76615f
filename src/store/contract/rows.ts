import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import type { Analytics, Row } from '../analytics.ts'
import type { Catalog, Snapshot } from '../catalog.ts'
import type { HeldRows, RowFile, RowStream, Rows, StreamOptions } from '../rows.ts'

export const COLUMNS = {
  id: 'INTEGER',
  at: 'TIMESTAMP',
  score: 'DOUBLE',
  'odd "name"': 'VARCHAR',
  features: 'JSON',
  tags: 'VARCHAR[]',
}

export const FSYNC: StreamOptions = { durability: 'fsync', columns: COLUMNS }

/** The answer of one query over everything in the stream. */
export async function ask(analytics: Analytics, stream: RowStream, select: string): Promise<Row[]> {
  const source = await stream.sql()
  try {
    return await analytics.query(`SELECT ${select} FROM ${source.sql} AS r`)
  } finally {
    source.release()
  }
}

/** The ids in the stream, sorted. */
export async function idsIn(analytics: Analytics, stream: RowStream): Promise<unknown[]> {
  const rows = await ask(analytics, stream, 'id')
  return rows.map((row) => Number(row['id'])).toSorted((a, b) => a - b)
}

export const ids = (first: number, count: number) =>
  Array.from({ length: count }, (_, i) => ({ id: first + i }))

export const range = (count: number) => Array.from({ length: count }, (_, i) => i)

export interface OpenedRows {
  readonly rows: Rows
  readonly analytics: Analytics
  readonly catalog: Catalog
}

/** The ids in the text of held files, each a line of JSON. */
async function heldIds(held: HeldRows, { read: db }: Snapshot): Promise<number[]> {
  const files = await held.files(db)
  const texts = await Promise.all(files.map(textOf))
  expect(files.map(({ bytes }) => bytes)).toEqual(texts.map((one) => Buffer.byteLength(one)))
  const lines = texts.flatMap((one) => one.split('\n').filter((line) => line !== ''))
  return lines.map((line) => Line.parse(JSON.parse(line)).id).toSorted((a, b) => a - b)
}

export const textOf = (file: RowFile | undefined) => text(file?.read() ?? Readable.from([]))

const Line = z.object({ id: z.number() })

/** What every rows driver must do. `open` gives an empty store, and what it stands on. */
export function rowsContract(open: () => Promise<OpenedRows>): void {
  async function opened(options: StreamOptions = FSYNC) {
    const { rows, analytics, catalog } = await open()
    onTestFinished(() => rows.close())
    return { rows, analytics, catalog, stream: rows.stream('feedback', options) }
  }

  test.each([
    ['an unknown column', { nope: 1 }],
    ['a fraction in an integer', { id: 1.5 }],
    ['text in a number', { score: 'high' }],
    ['a number in a text', { 'odd "name"': 1 }],
    ['a time that is none', { at: new Date(NaN) }],
    ['a list with a wrong item', { tags: ['a', 1] }],
  ])('%s is INVALID_ARGUMENT, and nothing of its batch is kept', async (_what, row) => {
    const { stream, analytics } = await opened()
    await expect(stream.append([{ id: 1 }, row])).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    })
    expect(await ask(analytics, stream, 'count(*) AS n')).toEqual([{ n: 0 }])
  })

  test('half a surrogate pair, which no file can hold, becomes the replacement character', async () => {
    const { stream, analytics } = await opened()
    await stream.append([
      { 'odd "name"': 'a\ud800', features: { b: ['\udc00', '😀'] }, tags: ['\\ud800'] },
    ])
    expect(await ask(analytics, stream, '"odd ""name""" AS text, features, tags')).toEqual([
      { text: 'a\ufffd', features: '{"b":["\ufffd","😀"]}', tags: ['\\ud800'] },
    ])
  })

  test('a name that is no name, a type nobody knows, and other options are refused', async () => {
    const { rows } = await opened()
    const invalid = expect.objectContaining({ code: 'INVALID_ARGUMENT' })
    expect(() => rows.stream('../up', FSYNC)).toThrow(invalid)
    expect(() => rows.stream('x', { ...FSYNC, columns: { a: 'INT); DROP' } })).toThrow(invalid)
    expect(() => rows.stream('feedback', { ...FSYNC, rollRows: 1 })).toThrow(
      expect.objectContaining({ code: 'CONFLICT' }),
    )
    expect(rows.stream('feedback', { ...FSYNC })).toBe(rows.stream('feedback', FSYNC))
  })

  test('a stream without a row answers with its columns', async () => {
    const { stream, analytics } = await opened()
    expect(await ask(analytics, stream, '*')).toEqual([])
  })

  test('every kind of value is the same in the live tail and in Parquet', async () => {
    const { rows, stream, analytics } = await opened()
    const at = new Date('2001-01-01T00:00:00.123Z')
    await stream.append([
      {
        id: 1,
        at,
        score: NaN,
        'odd "name"': 'it\'s\n"é"_":1}\n',
        features: { a: [1] },
        tags: ['x'],
      },
      { id: 2, at: '2001-01-02T00:00:00Z', score: -Infinity, tags: [] },
      { id: 3, score: 1e-300, features: null },
    ])
    const live = await ask(analytics, stream, '* ')
    await rows.roll('feedback')
    expect(await ask(analytics, stream, '*')).toEqual(live)
    expect(live).toEqual([
      {
        id: 1,
        at: at.getTime(),
        score: NaN,
        'odd "name"': 'it\'s\n"é"_":1}\n',
        features: '{"a":[1]}',
        tags: ['x'],
      },
      {
        id: 2,
        at: Date.UTC(2001, 0, 2),
        score: -Infinity,
        'odd "name"': null,
        features: null,
        tags: [],
      },
      { id: 3, at: null, score: 1e-300, 'odd "name"': null, features: null, tags: null },
    ])
  })

  test('rows are neither lost nor doubled while segments roll under the reader', async () => {
    const { rows, stream, analytics } = await opened({ ...FSYNC, rollRows: 50 })
    for (let first = 0; first < 400; first += 80) {
      for (const part of [0, 20, 40, 60]) await stream.append(ids(first + part, 20))
      expect(await idsIn(analytics, stream)).toEqual(range(first + 80))
    }
    await rows.roll('feedback')
    expect(await idsIn(analytics, stream)).toEqual(range(400))
  })

  test('a source taken before a roll still answers after it', async () => {
    const { rows, stream, analytics } = await opened()
    await stream.append(ids(0, 10))
    const source = await stream.sql()
    await rows.roll('feedback')
    await stream.append(ids(10, 1))
    const [row] = await analytics.query(`SELECT count(*) AS n FROM ${source.sql}`)
    expect(row).toEqual({ n: 10 })
    source.release()
    source.release()
    expect(await idsIn(analytics, stream)).toEqual(range(11))
  })

  test('deferred rows are there for a reader at once, and flush puts them on the disk', async () => {
    const { stream, analytics } = await opened({ ...FSYNC, durability: 'deferred' })
    await stream.append(ids(0, 5))
    expect(await idsIn(analytics, stream)).toEqual(range(5))
    await stream.append(ids(5, 5))
    await stream.flush()
    expect(await idsIn(analytics, stream)).toEqual(range(10))
    expect(stream.dropped()).toBe(0)
  })

  test('a deferred stream that is too full drops and counts', async () => {
    const { stream, analytics } = await opened({ ...FSYNC, durability: 'deferred' })
    const row = { 'odd "name"': 'x'.repeat(1_000_000) }
    await Promise.all(Array.from({ length: 20 }, () => stream.append([row])))
    const dropped = stream.dropped()
    expect(dropped).toBeGreaterThan(0)
    expect(await ask(analytics, stream, 'count(*) AS n')).toEqual([{ n: 20 - dropped }])
  })

  test('a hold has every row appended before it, and none that comes while it lasts or after', async () => {
    const { rows, stream, catalog } = await opened()
    const later = rows.stream('later', { ...FSYNC, durability: 'deferred' })
    await stream.append(ids(0, 10))
    await later.append(ids(10, 10))
    const held = await rows.hold()
    const waiting = [stream.append(ids(20, 10)), rows.stream('new', FSYNC).append(ids(30, 10))]
    await later.append(ids(40, 10))
    await using snapshot = await catalog.snapshot()
    expect(await heldIds(held, snapshot)).toEqual(range(20))
    held.resume()
    await Promise.all([...waiting, later.flush()])
    expect(await heldIds(held, snapshot)).toEqual(range(20))
    await held.release()
  })

  test('a hold cuts all streams at one instant: of rows written in turns, no later one is there alone', async () => {
    const { rows, catalog } = await opened()
    const streams = ['a', 'b', 'c'].map((name) => rows.stream(name, FSYNC))
    const stop = new AbortController()
    let acked = 0
    const writing = (async () => {
      for (; !stop.signal.aborted; acked++) await streams[acked % 3]?.append(ids(acked, 1))
    })()
    for (let round = 0; round < 10; round++) {
      const before = acked
      const held = await rows.hold()
      await using snapshot = await catalog.snapshot()
      const there = await heldIds(held, snapshot)
      expect(there).toEqual(range(there.length))
      expect(there.length).toBeGreaterThanOrEqual(before)
      await held.release()
      await streams[0]?.flush()
    }
    stop.abort()
    await writing
    expect(acked).toBeGreaterThan(10)
  })

  test('held files stay while their rows become Parquet, and go when they are released', async () => {
    const { rows, stream, analytics, catalog } = await opened()
    await stream.append(ids(0, 10))
    const held = await rows.hold()
    await using snapshot = await catalog.snapshot()
    held.resume()
    const [file] = await held.files(snapshot.read)
    await rows.roll('feedback')
    await stream.append(ids(10, 1))
    expect((await textOf(file)).split('\n')).toHaveLength(11)
    await held.release()
    await held.release()
    await expect(textOf(file)).rejects.toMatchObject({ code: 'ENOENT' })
    expect(await idsIn(analytics, stream)).toEqual(range(11))
  })

  test('a second hold is CONFLICT until the first is resumed', async () => {
    const { rows } = await opened()
    const held = await rows.hold()
    await expect(rows.hold()).rejects.toMatchObject({ code: 'CONFLICT' })
    held.resume()
    const second = await rows.hold()
    await held.release()
    await second.release()
  })
}
