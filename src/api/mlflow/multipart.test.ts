import { once } from 'node:events'
import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { as, ARTIFACTS, openDoors, type Doors, type Reply } from './fixture.ts'

const Created = z.object({
  upload_id: z.string(),
  credentials: z.array(
    z.object({
      url: z.url(),
      part_number: z.int(),
      headers: z.record(z.string(), z.string()),
    }),
  ),
})

const PARTS = ['first ', 'middle', ' end']

interface Begun {
  readonly upload_id: string
  complete(parts?: readonly object[], headers?: Readonly<Record<string, string>>): Promise<Reply>
  abort(headers?: Readonly<Record<string, string>>): Promise<Reply>
  /** Sends a part as MLflow's client does: with the headers of its credential and nothing else. */
  send(number: number, headers?: Readonly<Record<string, string>>): Promise<Reply>
  /** Sends all parts; gives what a completion names. */
  sendAll(): Promise<readonly object[]>
}

async function begin(
  doors: Doors,
  run: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Begun> {
  const place = `0/${run}/artifacts/dir`
  // The client names the file by its own path, whatever its machine.
  const path = 'C:\\Users\\ada\\big.bin'
  const ask = (verb: string, body: object, more: Readonly<Record<string, string>>) =>
    doors.ask({
      method: 'POST',
      path: `/api/2.0/mlflow-artifacts/mpu/${verb}/${place}`,
      body: JSON.stringify({ path, ...body }),
      headers: { ...more, 'content-type': 'application/json' },
    })
  const created = Created.parse((await ask('create', { num_parts: PARTS.length }, headers)).json)
  const { upload_id, credentials } = created
  const send: Begun['send'] = (number, own) => {
    const credential = credentials.find(({ part_number }) => part_number === number)
    const url = new URL(credential?.url ?? '')
    expect(url.port).toBe(String(doors.port))
    return doors.ask({
      method: 'PUT',
      path: url.pathname,
      body: PARTS[number - 1] ?? '',
      headers: own ?? credential?.headers ?? {},
    })
  }
  return {
    upload_id,
    send,
    complete: (parts = [], own = headers) => ask('complete', { upload_id, parts }, own),
    abort: (own = headers) => ask('abort', { upload_id }, own),
    async sendAll() {
      const parts = []
      for (const number of [3, 1, 2])
        parts.push({ part_number: number, etag: (await send(number)).headers.etag })
      return parts
    },
  }
}

const read = (doors: Doors, run: string) =>
  doors.ask({ path: `${ARTIFACTS}/0/${run}/artifacts/dir/big.bin` })

test('parts sent as the client sends them become the file', async () => {
  await using doors = await openDoors()
  const run = await doors.startRun()
  const upload = await begin(doors, run)
  const parts = await upload.sendAll()
  expect(await read(doors, run)).toMatchObject({ status: 404 })
  expect(await upload.complete(parts)).toMatchObject({ status: 200, json: {} })
  expect(await read(doors, run)).toMatchObject({ status: 200, text: 'first middle end' })
})

test('a missing part is 400, and the upload can still be completed', async () => {
  await using doors = await openDoors()
  const run = await doors.startRun()
  const upload = await begin(doors, run)
  const parts = await upload.sendAll()
  for (const some of [
    [],
    parts.slice(1),
    [...parts, ...parts],
    parts.map((part) => ({ ...part, etag: '"x"' })),
  ])
    expect(await upload.complete(some)).toMatchObject({
      status: 400,
      json: { error_code: 'INVALID_PARAMETER_VALUE' },
    })
  expect(await read(doors, run)).toMatchObject({ status: 404 })
  expect(await upload.complete(parts)).toMatchObject({ status: 200 })
})

test('another key neither completes nor aborts an upload, and a part needs its header', async () => {
  await using doors = await openDoors({ keyless: false })
  const run = await doors.startRun()
  const [ada, eve] = [await doors.makeKey('ada', 'member'), await doors.makeKey('eve', 'admin')]
  const upload = await begin(doors, run, as(ada))
  const parts = await upload.sendAll()
  const denied = { status: 403, json: { error_code: 'PERMISSION_DENIED' } }
  expect(await upload.complete(parts, as(eve))).toMatchObject(denied)
  expect(await upload.abort(as(eve))).toMatchObject(denied)
  for (const headers of [{}, as(eve), { 'x-gyre-upload': 'guess' }])
    expect(await upload.send(1, headers)).toMatchObject(denied)
  expect(await upload.complete(parts)).toMatchObject({ status: 200 })
})

test('of two completers one wins', async () => {
  await using doors = await openDoors()
  const run = await doors.startRun()
  const upload = await begin(doors, run)
  const parts = await upload.sendAll()
  const replies = await Promise.all([upload.complete(parts), upload.complete(parts)])
  const statuses = replies.map(({ status }) => status ?? 0).toSorted((a, b) => a - b)
  expect(statuses[0]).toBe(200)
  expect([400, 404]).toContain(statuses[1])
  expect(await read(doors, run)).toMatchObject({ text: 'first middle end' })
})

test('an aborted upload takes no part and is not completed', async () => {
  await using doors = await openDoors()
  const run = await doors.startRun()
  const upload = await begin(doors, run)
  const parts = await upload.sendAll()
  expect(await upload.abort()).toMatchObject({ status: 200 })
  for (const reply of [await upload.send(1), await upload.complete(parts), await upload.abort()])
    expect(reply).toMatchObject({ status: 404, json: { error_code: 'RESOURCE_DOES_NOT_EXIST' } })
})

test('a part cut off in the middle is not there, and can be sent again', async () => {
  await using doors = await openDoors()
  const run = await doors.startRun()
  const upload = await begin(doors, run)
  const parts = await upload.sendAll()
  const again = await begin(doors, run)
  const socket = connect(doors.port, '127.0.0.1')
  const path = `/api/2.0/mlflow-artifacts/mpu/parts/${upload.upload_id}/1`
  socket.write(`PUT ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 99\r\n\r\nfir`)
  socket.destroy()
  await once(socket, 'close')
  expect(await again.complete(parts)).toMatchObject({ status: 400 })
  expect(await upload.complete(parts)).toMatchObject({ status: 200 })
  expect(await again.complete(await again.sendAll())).toMatchObject({ status: 200 })
})

test('a name that the client’s path ends in may mean no other place', async () => {
  await using doors = await openDoors()
  const run = await doors.startRun()
  for (const path of ['..', '.', '/', 'a/..', 'a\\..', 'a\u0000', 'a#b', '%2e%2e', 'dir/'])
    expect([
      path,
      await doors.post(`/mlflow-artifacts/mpu/create/0/${run}/artifacts`, { path, num_parts: 1 }),
    ]).toMatchObject([path, { status: 400, json: { error_code: 'INVALID_PARAMETER_VALUE' } }])
})
