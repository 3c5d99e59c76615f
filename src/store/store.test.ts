import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fakeClock } from '../core/clock.ts'
import { silentLog } from '../core/log.ts'
import { openDatabase } from './adapters/sqlite-binding.ts'
import { tempFolder } from './contract/temp-folder.ts'
import { CTX } from './contract/wired.ts'
import { openStore } from './store.ts'

function depsFor(folder: string) {
  return { folder, clock: fakeClock(), log: silentLog, config: { analyticsMemoryMb: 256 } }
}

test('a second store on the same folder is FOLDER_LOCKED, and the first one does not notice', async () => {
  const deps = depsFor(join(await tempFolder(), 'made', 'when', 'absent'))
  const store = await openStore(deps)
  await expect(openStore(deps)).rejects.toMatchObject({ code: 'FOLDER_LOCKED' })
  await store.runs.start(CTX, { kind: 'training', name: 'fit' })
  await store.close()
})

test('a store that cannot open gives the folder back', async () => {
  const deps = depsFor(await tempFolder())
  await (await openStore(deps)).close()
  const path = join(deps.folder, 'catalog.db')
  const tamper = (statement: string) => {
    const database = openDatabase(path)
    database.exec(statement)
    database.close()
  }
  tamper("INSERT INTO migrations VALUES (9999, 'from-tomorrow', '')")
  await expect(openStore(deps)).rejects.toMatchObject({ code: 'NEWER_DATABASE' })
  tamper('DELETE FROM migrations WHERE version = 9999')
  const store = await openStore(deps)
  expect(await store.events.verify()).toEqual({ ok: true, count: 0 })
  await store.close()
})

test('a run that only a server that is gone could end is lost; others go on', async () => {
  const deps = depsFor(await tempFolder())
  const before = await openStore(deps)
  const other = { ...CTX, project: 'other', actor: 'key:ci' }
  const start = { kind: 'import', name: 'flights', endsWithServer: true }
  const [ended, left, theirs] = [
    await before.runs.start(CTX, start),
    await before.runs.start(CTX, start),
    await before.runs.start(other, start),
  ]
  const elsewhere = await before.runs.start(CTX, { kind: 'training', name: 'fit' })
  await before.runs.finish(CTX, ended.id, { status: 'succeeded' })
  await before.close()

  const after = await openStore(deps)
  const { runs, events } = after
  const error = { code: 'UNAVAILABLE', message: 'the server stopped while it ran' }
  expect(await runs.get(CTX, ended.id)).toMatchObject({ status: 'succeeded' })
  expect(await runs.get(CTX, left.id)).toMatchObject({ status: 'lost', error })
  expect(await runs.get(other, theirs.id)).toMatchObject({ status: 'lost', error })
  expect(await runs.get(CTX, elsewhere.id)).toMatchObject({ status: 'running' })
  const last = await events.latest({ project: 'other', types: ['run.finished'] })
  expect(last).toMatchObject({ actor: 'key:ci', subject: { id: theirs.id } })
  expect(await events.verify()).toEqual({ ok: true, count: 7 })
  await after.close()
})

test('what was written before a clean end is there after it, deferred rows included', async () => {
  const deps = depsFor(await tempFolder())
  const options = { durability: 'deferred', columns: { id: 'INTEGER' } } as const
  const before = await openStore(deps)
  const { id } = await before.runs.start(CTX, { kind: 'training', name: 'fit' })
  await before.rows.stream('predictions', options).append([{ id: 1 }, { id: 2 }])
  const { digest } = await before.blobs.put(Buffer.from('abc'))
  await before.close()
  await before.close()

  const after = await openStore(deps)
  expect(await after.runs.get(CTX, id)).toMatchObject({ status: 'running' })
  expect(String(await after.blobs.read(digest))).toBe('abc')
  const source = await after.rows.stream('predictions', options).sql()
  expect(await after.analytics.query(`SELECT sum(id) AS s FROM ${source.sql}`)).toEqual([{ s: 3 }])
  source.release()
  await after.close()
})
