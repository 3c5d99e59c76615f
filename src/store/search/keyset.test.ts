import * as fc from 'fast-check'
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { GyreError } from '../../core/errors.ts'
import { createKeyset, type Keyset } from './keyset.ts'
import { orderSql } from './order-sql.ts'
import { RUNS, type OrderKey } from './search-dialect.ts'
import { openSearchTables, RUN_PLAN, type SampleRun, type SearchTables } from './fixture.ts'

const BY_TIME: readonly OrderKey[] = [
  { entity: 'attribute', key: 'start_time', direction: 'desc' },
  { entity: 'attribute', key: 'run_id', direction: 'asc' },
]
const keysetOf = (order: readonly OrderKey[], scope: unknown): Keyset =>
  createKeyset(orderSql(order, RUN_PLAN, RUNS).keys, scope)

function refusalOf(keyset: Keyset, token: string): string {
  try {
    keyset.after(token)
  } catch (error) {
    if (error instanceof GyreError && error.details['field'] === 'page_token') return error.message
    throw error
  }
  return 'taken'
}

const jsonToken = (value: unknown): string =>
  Buffer.from(JSON.stringify(value)).toString('base64url')

test('a token that is garbage, forged, or of another search is refused', () => {
  const keyset = keysetOf(BY_TIME, { filter: 'a' })
  const row = { sort_0: 5, rank_0: 0, sort_1: 'x', rank_1: 0 }
  const token = keyset.page([row, row], 1).nextToken ?? ''
  expect(refusalOf(keyset, token)).toBe('taken')

  const { of, at } = JSON.parse(Buffer.from(token, 'base64url').toString()) as {
    of: string
    at: unknown[]
  }
  const forged = [
    '!',
    'null',
    token.slice(0, -4),
    `${token}${'A'.repeat(600_000)}`,
    jsonToken(null),
    jsonToken({ offset: 10 }),
    jsonToken({ of, at: at.slice(1) }),
    jsonToken({ of, at: [...at, ...at] }),
    jsonToken({ of, at: [[0, 'five'], at[1]] }),
    jsonToken({ of, at: [[0, null], at[1]] }),
    jsonToken({ of, at: [[1, 5], at[1]] }),
    jsonToken({ of, at: [[-1, null], at[1]] }),
    jsonToken({ of, at: [at[0], [0, 7]] }),
    jsonToken({ of, at, more: 1 }),
  ]
  expect(forged.map((one) => refusalOf(keyset, one))).toEqual(
    forged.map(() => 'this is no page token'),
  )

  const others = [
    keysetOf(BY_TIME, { filter: 'b' }),
    keysetOf(BY_TIME.toReversed(), { filter: 'a' }),
    keysetOf(BY_TIME.slice(1), { filter: 'a' }),
    keysetOf(
      BY_TIME.map((key) => ({ ...key, direction: 'asc' })),
      { filter: 'a' },
    ),
  ]
  for (const other of others) expect(refusalOf(other, token)).toContain('another search')
})

test('a page that is not full has no token, nor has a full one with nothing behind it', () => {
  const keyset = keysetOf(BY_TIME, '')
  const row = { sort_0: 5, rank_0: 0, sort_1: 'x', rank_1: 0 }
  expect(keyset.page([], 2)).toEqual({ rows: [] })
  expect(keyset.page([row, row], 2)).toEqual({ rows: [row, row] })
  expect(keyset.page([row, row, row], 2).nextToken).toBeDefined()
})

const order = fc
  .uniqueArray(
    fc.record({
      entity: fc.constantFrom('metric' as const, 'param' as const, 'tag' as const),
      key: fc.constantFrom('a', 'b'),
      direction: fc.constantFrom('asc' as const, 'desc' as const),
    }),
    { maxLength: 3, selector: ({ entity, key }) => `${entity}.${key}` },
  )
  .chain((keyed) =>
    fc
      .subarray(['start_time', 'end_time', 'run_name'])
      .map((names): readonly OrderKey[] => [
        ...names.map((key) => ({ entity: 'attribute' as const, key, direction: 'desc' as const })),
        ...keyed,
        { entity: 'attribute', key: 'run_id', direction: 'asc' },
      ]),
  )
const text = fc.constantFrom('', 'a', 'B', 'é', '日', '😀', "it's")
const number = fc.constantFrom(
  0, 1, -1, 0.1, 1e-17, 5e-324, -5e-324, 2 ** 53, 1e22, Infinity, -Infinity, NaN,
) // prettier-ignore
const few = { maxKeys: 2 }
const letters = fc.constantFrom('a', 'b')
const run = fc.record(
  {
    name: text,
    startMs: fc.nat(2),
    endMs: fc.nat(2),
    metrics: fc.dictionary(letters, number, few),
    params: fc.dictionary(letters, text, few),
    tags: fc.dictionary(letters, text, few),
  },
  { requiredKeys: ['name', 'startMs', 'metrics', 'params', 'tags'] },
)
const crowd = fc.array(run, { maxLength: 12 })

test(
  'pages miss no row and repeat none while rows come in between',
  { timeout: 60_000 },
  async () => {
    await using tables = await openSearchTables()
    let nextId = 0
    const named = (drawn: readonly Omit<SampleRun, 'id'>[]): readonly SampleRun[] =>
      drawn.map((one) => ({ ...one, id: String(nextId++).padStart(8, '0') }))
    await fc.assert(
      fc.asyncProperty(
        crowd,
        fc.array(crowd, { minLength: 1, maxLength: 4 }),
        order,
        fc.integer({ min: 1, max: 4 }),
        async (first, later, keys, size) => {
          const originals = named(first)
          await tables.clear()
          await tables.insert(originals)
          const seen: string[] = []
          let token: string | undefined
          for (let page = 0; page === 0 || token !== undefined; page++) {
            const [ids, next] = await readPage(tables, keys, token, size)
            seen.push(...ids)
            token = next
            await tables.insert(named(later[page] ?? []))
          }
          expect(new Set(seen).size).toBe(seen.length)
          const known = new Set(originals.map(({ id }) => id))
          expect(seen.filter((id) => known.has(id))).toEqual(
            originals.toSorted((a, b) => compare(a, b, keys)).map(({ id }) => id),
          )
        },
      ),
      { numRuns: 150 },
    )
  },
)

async function readPage(
  tables: SearchTables,
  keys: readonly OrderKey[],
  token: string | undefined,
  size: number,
): Promise<readonly [readonly string[], string | undefined]> {
  const ordered = orderSql(keys, RUN_PLAN, RUNS)
  const keyset = createKeyset(ordered.keys, keys)
  const columns = sql.join([sql`q_runs.id AS id`, ...keyset.columns])
  const rows = await tables.select(
    columns,
    sql`${ordered.joins} WHERE ${keyset.after(token)} ORDER BY ${keyset.orderBy} LIMIT ${size + 1}`,
  )
  const { rows: page, nextToken } = keyset.page(rows, size)
  return [page.map(({ id }) => String(id)), nextToken]
}

/** The order as it is told: values, then NaN, then what is missing, whichever the direction. */
function compare(a: SampleRun, b: SampleRun, keys: readonly OrderKey[]): number {
  for (const key of keys) {
    const [x, y] = [valueOf(a, key), valueOf(b, key)]
    const [rankX, rankY] = [rankOf(x), rankOf(y)]
    if (rankX !== rankY) return rankX - rankY
    if (rankX > 0 || x === undefined || y === undefined || x === y) continue
    const ascending = typeof x === 'string' ? byBytes(x, String(y)) : x - Number(y)
    return key.direction === 'asc' ? ascending : -ascending
  }
  return 0
}

function valueOf(sample: SampleRun, { entity, key }: OrderKey): number | string | undefined {
  if (entity === 'metric') return sample.metrics?.[key]
  if (entity === 'param') return sample.params?.[key]
  if (entity === 'tag') return sample.tags?.[key]
  const { name, startMs, endMs, id } = sample
  return { run_name: name, start_time: startMs, end_time: endMs, run_id: id }[key]
}

function rankOf(value: number | string | undefined): number {
  if (value === undefined) return 2
  return Number.isNaN(value) ? 1 : 0
}

function byBytes(x: string, y: string): number {
  return Buffer.compare(Buffer.from(x), Buffer.from(y))
}
