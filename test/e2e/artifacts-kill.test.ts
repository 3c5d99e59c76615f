import { createHash } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { seededRandom, type Random } from '../../src/core/random.ts'
import { tempFolder } from '../../src/store/contract/temp-folder.ts'
import { build, up, type Running } from './program.ts'
import { send } from './traffic.ts'

beforeAll(() => build())

const [ROUNDS, CLIENTS, FILE_BYTES] = [5, 4, 3_000_000]

const API = '/api/2.0'
const Created = z.object({ run: z.object({ info: z.object({ run_id: z.string() }) }) })
const Listed = z.object({
  files: z.array(z.object({ path: z.string(), file_size: z.number() })).default([]),
})
const Upload = z.object({
  upload_id: z.string(),
  credentials: z.array(z.object({ url: z.string(), headers: z.record(z.string(), z.string()) })),
})

const digestOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

/** Bytes that differ from file to file, told by its number. */
function contentOf(file: number): Uint8Array {
  const content = Buffer.alloc(FILE_BYTES, `file ${file} `)
  content.writeUInt32LE(file, FILE_BYTES - 4)
  return content
}

/** Undefined when the server went away before it answered. */
async function ask(url: string, init: RequestInit): Promise<Response | undefined> {
  return fetch(url, init).catch(() => undefined)
}

async function startRun(server: Running): Promise<string> {
  const body = { experiment_id: '0', start_time: 1 }
  const reply = await send(`${server.url}${API}/mlflow/runs/create`, 'POST', body)
  return Created.parse(reply?.body).run.info.run_id
}

const fileUrl = (server: Running, run: string, path: string) =>
  `${server.url}${API}/mlflow-artifacts/artifacts/0/${run}/artifacts/${path}`

/** Every file that was answered is there, and every one that is there is whole. */
async function checkFiles(server: Running, run: string, acked: ReadonlySet<number>): Promise<void> {
  const query = `path=${encodeURIComponent(`0/${run}/artifacts`)}`
  const reply = await send(`${server.url}${API}/mlflow-artifacts/artifacts?${query}`, 'GET')
  const there = Listed.parse(reply?.body).files.map(({ path, file_size }) => {
    expect(file_size).toBe(FILE_BYTES)
    return Number(path)
  })
  expect([...acked].filter((file) => !there.includes(file))).toEqual([])
  for (const file of there) {
    const found = await ask(fileUrl(server, run, String(file)), {})
    expect([file, digestOf(new Uint8Array((await found?.arrayBuffer()) ?? []))]).toEqual([
      file,
      digestOf(contentOf(file)),
    ])
  }
}

/** Some milliseconds of a hundred, so that a kill may come at any point of a completion. */
async function aWhile(random: Random): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, random() * 100))
}

test('an upload that kill -9 cuts off is never visible, one that was answered is whole', async () => {
  const data = await tempFolder()
  const random = seededRandom(38)
  const acked = new Set<number>()
  let [run, sent] = ['', 0]
  for (let round = 0; round < ROUNDS; round++) {
    const server = await up(data)
    if (run === '') run = await startRun(server)
    else await checkFiles(server, run, acked)
    expect(await readdir(join(data, 'blobs', 'temp'))).toEqual([])
    const goal = acked.size + 1 + Math.floor(random() * 6)
    let isCut = false
    const clients = Array.from({ length: CLIENTS }, async () => {
      while (!isCut) {
        const file = sent++
        const url = fileUrl(server, run, String(file))
        const reply = await ask(url, { method: 'PUT', body: contentOf(file) })
        if (reply === undefined) return
        expect(reply.status).toBe(200)
        acked.add(file)
        if (acked.size < goal || isCut) continue
        isCut = true
        await server.stop('SIGKILL')
      }
    })
    await Promise.all(clients)
  }
  await checkFiles(await up(data), run, acked)
})

const PARTS = 6

test('an upload in parts goes on after kill -9 from the last part that was answered', async () => {
  const data = await tempFolder()
  const random = seededRandom(39)
  const content = contentOf(0)
  const size = FILE_BYTES / PARTS
  const etags = new Map<number, string>()
  let server = await up(data)
  const run = await startRun(server)
  const mpu = (verb: string, body: object) =>
    send(`${server.url}${API}/mlflow-artifacts/mpu/${verb}/0/${run}/artifacts`, 'POST', {
      path: '0',
      ...body,
    })
  const begun = Upload.parse((await mpu('create', { num_parts: PARTS }))?.body)

  /** Sends what is missing, several at once, until the server goes. */
  async function sendParts(onAck: () => void): Promise<void> {
    const missing = begun.credentials.flatMap((credential, i) =>
      etags.has(i + 1) ? [] : [{ ...credential, number: i + 1 }],
    )
    await Promise.all(
      missing.map(async ({ url, headers, number }) => {
        const part = content.subarray((number - 1) * size, number * size)
        const place = `${server.url}${new URL(url).pathname}`
        const reply = await ask(place, { method: 'PUT', body: part, headers })
        const etag = reply?.headers.get('etag')
        if (!etag) return
        etags.set(number, etag)
        onAck()
      }),
    )
  }

  for (let round = 0; round < 3; round++) {
    let isCut = false
    await sendParts(() => {
      if (isCut || etags.size <= round) return
      isCut = true
      void server.stop('SIGKILL')
    })
    await server.stop('SIGKILL')
    server = await up(data)
    await checkFiles(server, run, new Set())
  }
  while (etags.size < PARTS) await sendParts(() => {})
  const parts = [...etags].map(([part_number, etag]) => ({ part_number, etag }))
  const completing = mpu('complete', { upload_id: begun.upload_id, parts })
  await aWhile(random)
  await server.stop('SIGKILL')
  const first = await completing
  server = await up(data)
  // Whoever got no answer asks again: it is done now, or was done before.
  const again = await mpu('complete', { upload_id: begun.upload_id, parts })
  expect(first?.status === 200 ? [404] : [200, 404]).toContain(again?.status)
  await checkFiles(server, run, new Set([0]))
})
