import { once } from 'node:events'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { siblingUrl, spawnProcess } from '../../core/spawn.ts'
import { tempFolder } from '../contract/temp-folder.ts'
import type { Migration } from '../migrations/migration.ts'
import { MIGRATIONS } from '../migrations/migrations.ts'
import { openDatabase, type Database } from './sqlite-binding.ts'
import { migrate } from './sqlite-migrate.ts'

const AT = '2001-01-01T00:00:00.000Z'

const FIRST: Migration = { version: 1, name: 'first', up: (exec) => exec('CREATE TABLE a (x)') }
const SECOND: Migration = { version: 2, name: 'second', up: (exec) => exec('CREATE TABLE b (x)') }

function open(path: string): Database {
  const database = openDatabase(path)
  onTestFinished(() => database.close())
  return database
}

function tables(database: Database): unknown[] {
  const rows = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all()
  return rows.map((row: { name: string }) => row.name).toSorted()
}

test('a migration that fails leaves nothing of itself', async () => {
  const database = open(join(await tempFolder(), 'test.db'))
  const broken: Migration = {
    version: 2,
    name: 'broken',
    up(exec) {
      exec('CREATE TABLE half (x)')
      exec('CREATE TABEL typo')
    },
  }
  expect(() => migrate(database, [FIRST, broken], AT)).toThrow('syntax error')
  expect(tables(database)).toEqual(['a', 'migrations'])
  migrate(database, [FIRST, SECOND], AT)
  expect(tables(database)).toEqual(['a', 'b', 'migrations'])
})

test('a migration killed in the middle is done by the next start', async () => {
  const path = join(await tempFolder(), 'test.db')
  const child = spawnProcess(
    siblingUrl('../contract/killed-migration', import.meta.url),
    [path],
    {},
  )
  const [, signal] = await once(child, 'exit')
  expect(signal).toBe('SIGKILL')
  const database = open(path)
  expect(tables(database)).toEqual(['a', 'migrations'])
  migrate(database, [FIRST, SECOND], AT)
  expect(tables(database)).toEqual(['a', 'b', 'migrations'])
})

test('running again changes nothing', async () => {
  const database = open(join(await tempFolder(), 'test.db'))
  migrate(database, [FIRST], AT)
  migrate(database, [FIRST], '2002-01-01T00:00:00.000Z')
  expect(database.prepare('SELECT * FROM migrations').all()).toMatchObject([
    { version: 1, name: 'first', applied_at: AT },
  ])
})

test('the versions of the catalog are all different, and every table is STRICT', async () => {
  const versions = MIGRATIONS.map(({ version }) => version)
  expect(new Set(versions).size).toBe(versions.length)
  const database = open(join(await tempFolder(), 'test.db'))
  migrate(database, MIGRATIONS, AT)
  const loose = database
    .prepare(
      "SELECT name FROM pragma_table_list WHERE type = 'table' AND strict = 0 AND name NOT LIKE 'sqlite%'",
    )
    .all()
  expect(loose).toEqual([])
})
