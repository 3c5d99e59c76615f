import { expect, onTestFinished, test } from 'vitest'
import type { Analytics, Row } from '../analytics.ts'
import type { RowStream, Rows, StreamOptions } from '../rows.ts'

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

/** What every rows driver must do. `open` gives an empty store and the analytics that read it. */
export function rowsContract(open: () => Promise<{ rows: Rows; analytics: Analytics }>): void {
  async function opened(options: StreamOptions = FSYNC) {
    const { rows, analytics } = await open()
    onTestFinished(() => rows.close())
    return { rows, analytics, stream: rows.stream('feedback', options) }
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
}
