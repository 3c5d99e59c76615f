import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { DIGEST_COLUMNS, OTHER_DIGESTS } from './digest-columns.ts'
import { openDepot } from './fixture.ts'

/** Names under which a column keeps a digest. */
const LIKE_DIGEST = /digest|hash|sha(?!rd|dow)|blob|bundle|manifest|cache_(?:key|parts)/

test('every column of the schema that is called like a digest is known, and every known one is in the schema', async () => {
  await using depot = await openDepot()
  const { rows } = await sql<{ name: string }>`
    SELECT tables.name || '.' || columns.name AS name
    FROM sqlite_schema AS tables, pragma_table_info(tables.name) AS columns
    WHERE tables.type = 'table'`.execute(depot.store.catalog.read)
  const columns = rows.map(({ name }) => name)
  const known = new Set([
    ...DIGEST_COLUMNS.map(({ table, column }) => `${table}.${column}`),
    ...Object.keys(OTHER_DIGESTS),
  ])
  expect(columns.length).toBeGreaterThan(100)
  expect([...known].filter((name) => !columns.includes(name))).toEqual([])
  const alike = columns.filter((name) => LIKE_DIGEST.test(name.slice(name.indexOf('.') + 1)))
  expect(alike.filter((name) => !known.has(name))).toEqual([])
})
