import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { tempFolder } from '../contract/temp-folder.ts'
import { createBatch } from './sqlite-batch.ts'
import { openDatabase } from './sqlite-binding.ts'
import { createExecute } from './sqlite-connection.ts'
import { sqliteError } from './sqlite-error.ts'

async function openBatch() {
  const database = openDatabase(join(await tempFolder(), 'test.db'))
  onTestFinished(() => database.close())
  database.exec('CREATE TABLE t (a TEXT)')
  const execute = createExecute(database)
  const count = () => execute('SELECT count(*) FROM t', []).rows
  return { database, batch: createBatch(database, execute), count }
}

function codeOf(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    return sqliteError(error instanceof Error ? error.message : '').code
  }
  return 'nothing was thrown'
}

test('nothing runs outside a batch', async () => {
  const { batch, count } = await openBatch()
  expect(() => batch.run("INSERT INTO t VALUES ('x')", [])).toThrow('no batch was begun')
  expect(() => batch.commit()).toThrow('no batch was begun')
  expect(count()).toEqual([[0]])
})

test('a full disk spoils the whole batch: no unit of it is kept, and the next batch works', async () => {
  const { database, batch, count } = await openBatch()
  database.exec('PRAGMA max_page_count = 8')
  batch.begin()
  batch.unit()
  batch.run("INSERT INTO t VALUES ('small')", [])
  batch.keep()
  batch.unit()
  expect(codeOf(() => batch.run('INSERT INTO t VALUES (?)', ['x'.repeat(100_000)]))).toBe(
    'DISK_FULL',
  )
  batch.undo()
  // SQLite has rolled back the transaction, not the statement: what comes now would commit by itself.
  expect(database.isTransaction).toBe(false)
  batch.unit()
  expect(codeOf(() => batch.run("INSERT INTO t VALUES ('y')", []))).toBe('DISK_FULL')
  batch.keep()
  expect(codeOf(() => batch.commit())).toBe('DISK_FULL')
  expect(count()).toEqual([[0]])

  database.exec('PRAGMA max_page_count = 1000')
  batch.begin()
  batch.unit()
  batch.run("INSERT INTO t VALUES ('again')", [])
  batch.keep()
  batch.commit()
  expect(count()).toEqual([[1]])
})
