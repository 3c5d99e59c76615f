import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { watch } from 'node:fs'
import { access, mkdir, readdir, readFile, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { Lineage } from '@gyre/sdk/wire/lineage'
import { beforeAll, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { tempFolder } from '../../src/store/contract/temp-folder.ts'
import { prepareHeld, type Held } from './held-project.ts'
import { acked, checkBatches, without } from './ledger-checks.ts'
import { begin, BIN, build, gyre, up, type Begun, type Running } from './program.ts'
import { openLedger, predictMany, QUESTION, readKept, send, sendUntilCut } from './traffic.ts'

let held: Held

beforeAll(async () => {
  await build()
  held = await prepareHeld()
  return () => held.remove()
})

const API = '/api/2.0/mlflow'
const Created = z.object({ run: z.object({ info: z.object({ run_id: z.string() }) }) })
const [POINTS, FILE_BYTES] = [50, 200_000]

async function startRun(server: Running): Promise<string> {
  const body = { experiment_id: '0', start_time: 1 }
  return Created.parse((await send(`${server.url}${API}/runs/create`, 'POST', body))?.body).run.info
    .run_id
}

/** Bytes that differ from file to file, told by its number. */
function contentOf(file: number, bytes = FILE_BYTES): Uint8Array {
  const content = Buffer.alloc(bytes, `file ${file} `)
  content.writeUInt32LE(file, bytes - 4)
  return content
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

const fileUrl = (server: Running, run: string, file: number) =>
  `${server.url}/api/2.0/mlflow-artifacts/artifacts/0/${run}/artifacts/${file}`

/** Logs batches and uploads files, one after the other, until the server does not answer any more. */
async function trackUntilCut(server: Running, run: string) {
  const [batches, files] = [new Set<number>(), new Set<number>()]
  async function log(): Promise<void> {
    for (let batch = 0; ; batch++) {
      const metrics = Array.from({ length: POINTS }, (_, i) => ({
        key: 'loss',
        value: batch + i / POINTS,
        timestamp: 1_700_000_000_000,
        step: batch * POINTS + i,
      }))
      const body = { run_id: run, metrics, params: [{ key: `batch-${batch}`, value: 'x' }] }
      if (!(await send(`${server.url}${API}/runs/log-batch`, 'POST', body))) return
      batches.add(batch)
    }
  }
  async function upload(): Promise<void> {
    for (let file = 0; ; file++) {
      const init = { method: 'PUT', body: contentOf(file) }
      const reply = await fetch(fileUrl(server, run, file), init).catch(() => undefined)
      if (!reply) return
      files.add(file)
    }
  }
  const ended = Promise.all([log(), upload()])
  return { batches, files, ended }
}

const Data = z.object({
  run: z.object({ data: z.object({ params: z.array(z.object({ key: z.string() })) }) }),
})
const History = z.object({ metrics: z.array(z.object({ step: z.number() })) })
const Listed = z.object({ files: z.array(z.object({ path: z.string() })) })

/** Batches whole, each with its parameter; files with their bytes. Which of them are there. */
async function readTracked(server: Running, run: string) {
  const read = async (path: string) => (await send(`${server.url}/api/2.0/${path}`, 'GET'))?.body
  const { data } = Data.parse(await read(`mlflow/runs/get?run_id=${run}`)).run
  const batches = data.params.map(({ key }) => Number(key.slice('batch-'.length)))
  const path = `mlflow/metrics/get-history?run_id=${run}&metric_key=loss&max_results=25000`
  const steps = History.parse(await read(path)).metrics.map(({ step }) => step)
  expect(new Set(steps)).toEqual(
    new Set(
      batches.flatMap((batch) => Array.from({ length: POINTS }, (_, i) => batch * POINTS + i)),
    ),
  )
  const listed = await read(`mlflow-artifacts/artifacts?path=0/${run}/artifacts`)
  const files = Listed.parse(listed).files.map((file) => Number(file.path))
  for (const file of files) {
    const bytes = new Uint8Array(await (await fetch(fileUrl(server, run, file))).arrayBuffer())
    expect([file, sha256(bytes)]).toEqual([file, sha256(contentOf(file))])
  }
  return { batches: new Set(batches), files: new Set(files) }
}

const missing = (names: ReadonlySet<number>, kept: ReadonlySet<number>) =>
  [...names].filter((name) => !kept.has(name))

/** Every blob of a folder has the digest that its path says; how many there are. */
async function checkBlobs(data: string): Promise<number> {
  const root = join(data, 'blobs', 'sha256')
  const paths = (await readdir(root, { recursive: true })).filter((path) => path.length > 2)
  for (const path of paths)
    expect(sha256(await readFile(join(root, path)))).toBe(path.replace('/', ''))
  return paths.length
}

test('a backup under load is one moment of it: all that was answered before, and nothing by half', async () => {
  const server = await up(await held.copy())
  const ledger = openLedger(await predictMany(server.url, 4_000))
  const run = await startRun(server)
  const target = join(await tempFolder(), 'backup.tar')
  let acks = 0
  const traffic = sendUntilCut(server.url, ledger, () => void (acks += 1))
  const tracked = await trackUntilCut(server, run)
  await vi.waitFor(() => expect(Math.min(acks, 10 * tracked.files.size)).toBeGreaterThan(100), {
    timeout: 60_000,
    interval: 20,
  })

  const [beganMs, acksBefore] = [performance.now(), acks]
  const before = { batches: new Set(tracked.batches), files: new Set(tracked.files) }
  const written = await gyre(['backup', target, '--url', server.url, '--json'])
  const acksAfter = acks
  await server.stop('SIGKILL')
  await Promise.all([traffic, tracked.ended])
  expect(written).toMatchObject({ code: 0, stderr: '' })
  expect(acksAfter).toBeGreaterThan(acksBefore)

  expect(await gyre(['backup', 'verify', target, '--json'])).toEqual(written)
  const data = join(await tempFolder(), 'elsewhere')
  const restored = await gyre(['restore', target, '--data', data, '--json'])
  expect(restored).toEqual(written)
  expect(await checkBlobs(data)).toBeGreaterThan(before.files.size)

  const again = await up(data)
  const kept = await readKept(again.url)
  checkBatches(ledger, kept, beganMs)
  expect(without(acked(ledger.predictions, beganMs), kept.subjects)).toEqual([])
  expect(without(acked(ledger.aliases, beganMs), kept.aliases)).toEqual([])
  expect(without(acked(ledger.keys, beganMs), kept.keys)).toEqual([])
  expect(kept.told).toEqual(kept.aliases)
  const found = await readTracked(again, run)
  expect(missing(before.batches, found.batches)).toEqual([])
  expect(missing(before.files, found.files)).toEqual([])

  const verified = await send(`${again.url}/api/v1/event-log/verify`, 'GET')
  expect(verified?.body).toMatchObject({ ok: true })
  const answer = await send(`${again.url}/predict/churn`, 'POST', { input: QUESTION })
  expect(answer).toMatchObject({ status: 200, body: { model_version: 'model:churn@1' } })
  const lineage = await gyre(['lineage', 'model:churn@1', '--json', '--url', again.url])
  const refs = Lineage.parse(JSON.parse(lineage.stdout)).nodes.map(({ ref }) => ref)
  expect(refs).toContain('dataset:customers@1')
  // It would be refused if one of the blobs that the catalog names were missing.
  const next = join(await tempFolder(), 'next.tar')
  expect(await gyre(['backup', next, '--url', again.url])).toMatchObject({ code: 0, stderr: '' })
})

/** A server with one file of 64 MB: more than fits between two programs. */
async function serverWithLargeFile(): Promise<Running> {
  const server = await up(await tempFolder())
  const run = await startRun(server)
  const init = { method: 'PUT', body: contentOf(0, 64_000_000) }
  expect((await fetch(fileUrl(server, run, 0), init)).status).toBe(200)
  return server
}

/** Holds a command as soon as there is something at `path`. */
async function holdAt(path: string, command: () => Begun): Promise<Begun> {
  const watcher = watch(dirname(path))
  try {
    const appeared = new Promise<void>((resolve) => {
      watcher.on('change', (_, name) => name === basename(path) && resolve())
    })
    const begun = command()
    await appeared
    process.kill(begun.pid, 'SIGSTOP')
    return begun
  } finally {
    watcher.close()
  }
}

test('kill -9 of the server in the middle of a backup leaves no file of its name', async () => {
  const server = await serverWithLargeFile()
  const folder = await tempFolder()
  const target = join(folder, 'backup.tar')
  const { pid, ended } = await holdAt(`${target}.partial`, () =>
    begin(['backup', target, '--url', server.url]),
  )
  await server.stop('SIGKILL')
  process.kill(pid, 'SIGCONT')
  expect(await ended).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^gyre: the server went away in the middle of the backup .*\n$/),
  })
  expect(await readdir(folder)).toEqual([])
})

test('kill -9 of a backup leaves a part that no verb takes; the next one takes its place', async () => {
  const server = await serverWithLargeFile()
  const folder = await tempFolder()
  const target = join(folder, 'backup.tar')
  const { pid, ended } = await holdAt(`${target}.partial`, () =>
    begin(['backup', target, '--url', server.url]),
  )
  process.kill(pid, 'SIGKILL')
  await ended
  expect(await readdir(folder)).toEqual(['backup.tar.partial'])
  const refusal = {
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/this is not a whole backup/),
  }
  expect(await gyre(['backup', 'verify', `${target}.partial`])).toEqual(refusal)
  expect(await gyre(['restore', `${target}.partial`, '--data', join(folder, 'new')])).toEqual(
    refusal,
  )
  await vi.waitFor(
    async () => {
      const { code, stderr } = await gyre(['backup', target, '--url', server.url])
      expect([code, stderr]).toEqual([0, ''])
    },
    { timeout: 30_000 },
  )
  expect(await readdir(folder)).toEqual(['backup.tar'])
})

test('kill -9 of a restore leaves no folder of its name; what it leaves is told of', async () => {
  const server = await serverWithLargeFile()
  const folder = await tempFolder()
  const target = join(folder, 'backup.tar')
  expect(await gyre(['backup', target, '--url', server.url])).toMatchObject({ code: 0 })
  const data = join(folder, 'in', 'data')
  await mkdir(dirname(data))
  const { pid, ended } = await holdAt(`${data}.restoring`, () =>
    begin(['restore', target, '--data', data]),
  )
  process.kill(pid, 'SIGKILL')
  await ended
  await expect(access(data)).rejects.toMatchObject({ code: 'ENOENT' })
  expect(await gyre(['restore', target, '--data', data])).toEqual({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/data\.restoring is there: .*remove it when none is\n$/),
  })
  await rm(`${data}.restoring`, { recursive: true })
  expect(await gyre(['restore', target, '--data', data])).toMatchObject({ code: 0 })
  const restored = await up(data)
  expect(await checkBlobs(data)).toBe(1)
  expect((await send(`${restored.url}/api/v1/event-log/verify`, 'GET'))?.status).toBe(200)
  expect((await stat(target)).size).toBeGreaterThan(64_000_000)
})

/** Whether this user may mount a file system of its own. */
const CAN_MOUNT =
  spawnSync('unshare', ['--user', '--map-root-user', '--mount', 'true']).status === 0

test.skipIf(!CAN_MOUNT)(
  'a full disk is told of, and neither half a backup nor half a folder is left (needs user namespaces)',
  async () => {
    const server = await serverWithLargeFile()
    const folder = await tempFolder()
    const target = join(folder, 'backup.tar')
    expect(await gyre(['backup', target, '--url', server.url])).toMatchObject({ code: 0 })
    const small = join(folder, 'small')
    await mkdir(small)
    const script = `
      mount -t tmpfs -o size=20m none small
      "$@" backup small/b.tar --url ${server.url}; echo "code $?"
      "$@" restore backup.tar --data small/data; echo "code $?"
      "$@" restore backup.tar --data small; echo "code $?"
      ls -A small`
    const namespace = ['--user', '--map-root-user', '--mount', 'sh', '-c', script, 'sh']
    const ended = spawnSync('unshare', [...namespace, process.execPath, BIN], {
      cwd: folder,
      encoding: 'utf8',
    })
    expect(ended.stdout).toBe('code 1\ncode 1\ncode 1\n')
    const full = 'gyre: the disk is full: ENOSPC: no space left on device, write'
    expect(ended.stderr.split('\n')).toEqual([
      full,
      full,
      expect.stringMatching(/small is in use or a mount point: .*below it, with --data$/),
      '',
    ])
  },
)

test('only an admin may take a backup, and the audit says who did', async () => {
  const server = await up(await tempFolder(), { args: ['--host', '127.0.0.1'] })
  const Secret = z.object({ secret: z.string() })
  const statuses: (readonly [string, number])[] = []
  for (const role of ['viewer', 'member', 'approver', 'admin']) {
    const reply = await send(`${server.url}/api/v1/keys`, 'POST', { name: role, role })
    const { secret } = Secret.parse(reply?.body)
    const headers = { authorization: `Bearer ${secret}` }
    const backup = await fetch(`${server.url}/api/v1/backup`, { method: 'POST', headers })
    await backup.arrayBuffer()
    statuses.push([role, backup.status])
  }
  expect(statuses).toEqual([
    ['viewer', 403],
    ['member', 403],
    ['approver', 403],
    ['admin', 200],
  ])
  const log = await send(`${server.url}/api/v1/event-log?type=backup.begun`, 'GET')
  const Events = z.object({ events: z.array(z.object({ actor: z.string() })) })
  expect(Events.parse(log?.body).events).toMatchObject([{ actor: 'key:admin' }])
})
