import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'kysely'
import { expect, onTestFinished, test } from 'vitest'
import { fakeClock } from '../../core/clock.ts'
import { catalogContract } from '../contract/catalog.ts'
import { tempFolder } from '../contract/temp-folder.ts'
import { createGroupCommit } from '../group-commit.ts'
import { openDatabase } from './sqlite-binding.ts'
import { openChannel } from './sqlite-channel.ts'
import { openSqlite } from './sqlite.ts'

const open = (path: string) => openSqlite({ path, clock: fakeClock() })

catalogContract(async () => open(join(await tempFolder(), 'catalog.db')), open)

test('what deleted rows took goes back to the file system', async () => {
  const path = join(await tempFolder(), 'catalog.db')
  const catalog = await open(path)
  onTestFinished(() => catalog.close())
  const bytes = async () => (await stat(path)).size + (await stat(`${path}-wal`)).size
  const empty = await bytes()
  const big = { holder: 'x'.repeat(1_000_000), fence: 1, expires_at: 0 }
  for (let i = 0; i < 20; i++)
    await catalog.write((tx) =>
      tx
        .insertInto('leases')
        .values({ name: `n${i}`, ...big })
        .execute(),
    )
  const full = await bytes()
  expect(full).toBeGreaterThan(20_000_000)
  await catalog.write((tx) => tx.deleteFrom('leases').execute())
  await catalog.shrink()
  expect(await bytes()).toBeLessThan(empty + 1_000_000)
})

test('a folder that is not there is FOLDER_NOT_WRITABLE', async () => {
  const path = join(await tempFolder(), 'absent', 'catalog.db')
  await expect(openSqlite({ path, clock: fakeClock() })).rejects.toMatchObject({
    code: 'FOLDER_NOT_WRITABLE',
  })
})

test('a database of a newer program is NEWER_DATABASE', async () => {
  const path = join(await tempFolder(), 'catalog.db')
  await (await openSqlite({ path, clock: fakeClock() })).close()
  const database = openDatabase(path)
  database.exec("INSERT INTO migrations VALUES (9999, 'from-tomorrow', '2099-01-01')")
  database.close()
  await expect(openSqlite({ path, clock: fakeClock() })).rejects.toMatchObject({
    code: 'NEWER_DATABASE',
  })
})

test('a hundred units that meet share three commits at the most', async () => {
  const channel = await openChannel({ path: join(await tempFolder(), 'catalog.db'), at: '' })
  onTestFinished(() => channel.close())
  let commits = 0
  const group = createGroupCommit({
    begin: () => channel.begin(),
    unit: () => channel.unit(),
    keep: () => channel.keep(),
    undo: () => channel.undo(),
    commit() {
      commits += 1
      return channel.commit()
    },
  })
  const insert = "INSERT INTO leases VALUES (?, 'test', 1, 0)"
  await Promise.all(
    Array.from({ length: 100 }, (_, i) => group.write(() => channel.run(insert, [`n${i}`]))),
  )
  expect(commits).toBeLessThanOrEqual(3)
  const { rows } = await channel.read('SELECT count(*) FROM leases', [])
  expect(rows).toEqual([[100]])
})

test('synchronous is FULL and the journal a write-ahead log, as durability needs', async () => {
  const channel = await openChannel({ path: join(await tempFolder(), 'catalog.db'), at: '' })
  onTestFinished(() => channel.close())
  channel.begin()
  const pragmas = await Promise.all(
    ['synchronous', 'foreign_keys'].map((name) => channel.run(`PRAGMA ${name}`, [])),
  )
  await channel.commit()
  // https://sqlite.org/pragma.html#pragma_synchronous: FULL is 2.
  expect(pragmas.map(({ rows }) => rows)).toEqual([[[2]], [[1]]])
  expect((await channel.read('PRAGMA journal_mode', [])).rows).toEqual([['wal']])
})

test('a disk that fills up rejects every unit of the batch with DISK_FULL, and the next batch works', async () => {
  const catalog = await openSqlite({
    path: join(await tempFolder(), 'catalog.db'),
    clock: fakeClock(),
  })
  onTestFinished(() => catalog.close())
  const limit = (pages: number) =>
    catalog.write((tx) => sql.raw(`PRAGMA max_page_count = ${pages}`).execute(tx))
  const insert = (name: string) =>
    catalog.write((tx) =>
      tx.insertInto('leases').values({ name, holder: '', fence: 1, expires_at: 0 }).execute(),
    )
  await limit(200)
  const settled = await Promise.allSettled(['a', 'x'.repeat(2_000_000), 'b'].map(insert))
  for (const outcome of settled)
    expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'DISK_FULL' } })
  await limit(100_000)
  await insert('c')
  expect(await catalog.read.selectFrom('leases').select('name').execute()).toEqual([{ name: 'c' }])
})
