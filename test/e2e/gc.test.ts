import { createHash } from 'node:crypto'
import { watch } from 'node:fs'
import { cp, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { GcReport } from '@gyre/sdk/wire/upkeep'
import { Lineage } from '@gyre/sdk/wire/lineage'
import { beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { openDatabase } from '../../src/store/adapters/sqlite-binding.ts'
import { tempFolder } from '../../src/store/contract/temp-folder.ts'
import { DIGEST_COLUMNS, OTHER_DIGESTS } from '../../src/upkeep/digest-columns.ts'
import { prepareHeld, type Held } from './held-project.ts'
import { build, gyre, up, type Running } from './program.ts'
import { predictMany, QUESTION, send } from './traffic.ts'

let held: Held

beforeAll(async () => {
  await build()
  held = await prepareHeld()
  return () => held.remove()
})

/** Everything goes that may, however fresh. */
const AT_ONCE = ['--deleted-before', '0', '--unused-for', '0'] as const

async function gc(server: Running, ...args: readonly string[]): Promise<GcReport> {
  const { code, stdout, stderr } = await gyre(['gc', ...args, '--json', '--url', server.url])
  expect([code, stderr]).toEqual([0, ''])
  return GcReport.parse(JSON.parse(stdout))
}

const MLFLOW = '/api/2.0/mlflow'
const Created = z.object({ run: z.object({ info: z.object({ run_id: z.string() }) }) })

async function startRun(server: Running): Promise<string> {
  const body = { experiment_id: '0', start_time: 1 }
  const reply = await send(`${server.url}${MLFLOW}/runs/create`, 'POST', body)
  return Created.parse(reply?.body).run.info.run_id
}

const fileUrl = (server: Running, run: string, path: string) =>
  `${server.url}/api/2.0/mlflow-artifacts/artifacts/0/${run}/artifacts/${path}`

async function uploadFile(server: Running, run: string, path: string, body: string): Promise<void> {
  const reply = await fetch(fileUrl(server, run, path), { method: 'PUT', body })
  expect(reply.status).toBe(200)
}

async function download(server: Running, run: string, path: string): Promise<string | number> {
  const reply = await fetch(fileUrl(server, run, path))
  return reply.ok ? reply.text() : reply.status
}

test('after a gc everything that is named still works: models, caches, lineage, files, code', async () => {
  const server = await up(await held.copy())
  const run = await startRun(server)
  await uploadFile(server, run, 'model/weights.bin', 'weights')
  const orphan = Buffer.from('nobody names this')
  const digest = `sha256:${createHash('sha256').update(orphan).digest('hex')}`
  const put = { method: 'PUT', body: orphan }
  expect((await fetch(`${server.url}/api/v1/blobs/${digest}`, put)).status).toBe(201)

  const told = await gc(server, ...AT_ONCE)
  expect(told.free.unnamed).toEqual({ files: 1, bytes: orphan.length })
  expect(told.kept.fresh.files).toBe(0)
  expect(await gc(server, ...AT_ONCE, '--delete')).toEqual({ ...told, deleted: true })
  expect((await fetch(`${server.url}/api/v1/blobs/${digest}`)).status).toBe(404)

  expect(await download(server, run, 'model/weights.bin')).toBe('weights')
  const [id = ''] = await predictMany(server.url, 8)
  const lineage = await gyre(['lineage', `prediction:${id}`, '--json', '--url', server.url])
  const { nodes } = Lineage.parse(JSON.parse(lineage.stdout))
  for (const node of nodes.filter((one) => one.ref.startsWith('artifact:')))
    expect((await fetch(`${server.url}/api/v1/blobs/${node.digest}`)).status).toBe(200)
  const command = (...args: string[]) => gyre([...args, '--url', server.url])
  // As before from the caches, and anew from the same rows.
  expect(await command('pipeline', 'run', 'train')).toMatchObject({ code: 0 })
  expect(await command('pipeline', 'run', 'train', '--param', 'seed=8')).toMatchObject({ code: 0 })
  expect(await command('data', 'import', 'customers', '--file', held.customers)).toMatchObject({
    code: 0,
  })
  expect(await command('release', 'churn', 'churn@2')).toMatchObject({ code: 0 })
  const answer = await send(`${server.url}/predict/churn`, 'POST', { input: QUESTION })
  expect(answer).toMatchObject({ status: 200, body: { model_version: 'model:churn@2' } })

  await server.stop('SIGTERM')
})

test('of what a deleted run had, only its files go, and only when they are asked for', async () => {
  const server = await up(await tempFolder())
  const [gone, stays] = [await startRun(server), await startRun(server)]
  await uploadFile(server, gone, 'own', 'of the deleted run alone')
  await uploadFile(server, gone, 'both', 'of both')
  await uploadFile(server, stays, 'both', 'of both')
  expect(await gc(server, ...AT_ONCE)).toMatchObject({ gone: { runs: 0 } })
  await send(`${server.url}${MLFLOW}/runs/delete`, 'POST', { run_id: gone })

  const preset = await gc(server)
  expect(preset).toMatchObject({ gone: { runs: 0 }, kept: { named: { files: 2 } } })
  const ofDeleted = { files: 1, bytes: 'of the deleted run alone'.length }
  expect(await gc(server, ...AT_ONCE)).toMatchObject({ free: { ofDeleted }, gone: { runs: 1 } })
  expect(await download(server, gone, 'own')).toBe('of the deleted run alone')

  const screen = await gyre(['gc', ...AT_ONCE, '--delete', '--url', server.url])
  expect(screen.stdout).toMatch(/of what was deleted \(1 run, 0 logged models.*\) +1 +24 bytes\n/)
  await send(`${server.url}${MLFLOW}/runs/restore`, 'POST', { run_id: gone })
  expect(await download(server, gone, 'own')).toBe(404)
  expect(await download(server, stays, 'both')).toBe('of both')
})

test('files that are put while gc after gc runs are there, whole', async () => {
  const server = await up(await tempFolder())
  const run = await startRun(server)
  const stopping = new AbortController()
  const sent: string[] = []
  const client = async (name: string): Promise<void> => {
    for (let turn = 0; !stopping.signal.aborted; turn++) {
      // The same contents again and again: let go of, forgotten by gc or not, and taken up once more.
      const path = `${name}/${turn % 3}`
      await uploadFile(server, run, path, `content ${turn % 100}`)
      sent.push(path)
    }
  }
  const writing = ['a', 'b', 'c'].map(client)
  const request = { delete: true, unusedFor: '500ms' }
  let freed = 0
  while (freed < 50 || sent.length < 500) {
    const reply = await send(`${server.url}/api/v1/gc`, 'POST', request)
    freed += GcReport.parse(reply?.body).free.unnamed.files
  }
  stopping.abort()
  await Promise.all(writing)
  for (const path of new Set(sent))
    expect(await download(server, run, path)).toMatch(/^content \d+$/)
})

test('kill -9 in the middle of a gc takes nothing that is named, and the next one goes on', async () => {
  const data = await tempFolder()
  let server = await up(data)
  const [gone, stays] = [await startRun(server), await startRun(server)]
  for (let file = 0; file < 60; file++) {
    await uploadFile(server, gone, `own-${file}`, `own ${file}`)
    await uploadFile(server, stays, `file-${file}`, `file ${file}`)
    await uploadFile(server, gone, `shared-${file}`, `file ${file}`)
  }
  await send(`${server.url}${MLFLOW}/runs/delete`, 'POST', { run_id: gone })
  const root = join(data, 'blobs', 'sha256')
  const countBlobs = async () =>
    (await readdir(root, { recursive: true })).filter((path) => path.length > 2).length
  const before = await countBlobs()
  const removing = watch(root, { recursive: true })
  const removed = new Promise<void>((resolve) => removing.once('change', () => resolve()))
  const request = { delete: true, deletedBefore: '0', unusedFor: '0' }
  const asked = send(`${server.url}/api/v1/gc`, 'POST', request)
  await removed
  await server.stop('SIGKILL')
  removing.close()
  await asked
  const between = await countBlobs()
  expect(between).toBeLessThan(before)

  server = await up(data)
  for (let file = 0; file < 60; file++)
    expect(await download(server, stays, `file-${file}`)).toBe(`file ${file}`)
  const { free } = await gc(server, ...AT_ONCE, '--delete')
  expect(free.unnamed.files + free.ofDeleted.files).toBe(between - 60)
  expect(await countBlobs()).toBe(60)
})

test('every column of a used catalog that names stored bytes is known to the walk', async () => {
  const data = await held.copy()
  const copy = join(await tempFolder(), 'catalog.db')
  await cp(join(data, 'catalog.db'), copy)
  const root = join(data, 'blobs', 'sha256')
  const blobs = (await readdir(root, { recursive: true })).filter((path) => path.length > 2)
  const digests = new Set(blobs.map((path) => path.replace('/', '')))
  expect(digests.size).toBeGreaterThan(5)

  const database = openDatabase(copy)
  const columns = database
    .prepare(
      `SELECT tables.name AS t, columns.name AS c FROM sqlite_schema AS tables,
        pragma_table_info(tables.name) AS columns WHERE tables.type = 'table'`,
    )
    .all()
  const naming = columns.filter(({ t, c }) =>
    database
      .prepare(`SELECT CAST("${String(c)}" AS TEXT) AS text FROM "${String(t)}"`)
      .all()
      .some(({ text }) => (String(text).match(/[0-9a-f]{64}/g) ?? []).some((d) => digests.has(d))),
  )
  database.close()
  const names = naming.map(({ t, c }) => `${String(t)}.${String(c)}`)
  const walked = DIGEST_COLUMNS.map(({ table, column }) => `${table}.${column}`)
  expect(names.filter((name) => walked.includes(name)).length).toBeGreaterThan(4)
  expect(names.filter((name) => !walked.includes(name) && !(name in OTHER_DIGESTS))).toEqual([])
})
