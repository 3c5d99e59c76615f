import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { faultyFiles } from '../../store/fixture.ts'
import { ARTIFACTS, openDoors } from './fixture.ts'

const FREE_BYTES = 1_000

async function openRun() {
  const files = faultyFiles()
  const doors = await openDoors({ files })
  const run = await doors.startRun()
  const url = `${ARTIFACTS}/0/${run}/artifacts/big.bin`
  return {
    ...doors,
    files,
    run,
    put: (bytes: number) => doors.ask({ method: 'PUT', path: url, body: Buffer.alloc(bytes, 'x') }),
    get: () => doors.ask({ path: url }),
    /** Writes to the disk since the last look, and what lies there half written. */
    async traces() {
      const writes = files.steps.splice(0).filter((step) => step.startsWith('write'))
      const half = await readdir(join(doors.store.folder, 'blobs', 'temp'))
      const rows = await doors.store.catalog.read.selectFrom('artifact_files').selectAll().execute()
      return { writes, half, rows: rows.length }
    },
  }
}

const NOTHING = { writes: [], half: [], rows: 0 }
const missing = { status: 404, json: { error_code: 'RESOURCE_DOES_NOT_EXIST' } }

function full(message: RegExp) {
  const said = { error_code: 'RESOURCE_EXHAUSTED', message: expect.stringMatching(message) }
  return { status: 507, json: said }
}

test('an upload that is larger than the disk has room for is refused before a byte is written', async () => {
  await using doors = await openRun()
  doors.files.leaveFree(FREE_BYTES)
  await doors.traces()
  expect(await doors.put(FREE_BYTES + 1)).toMatchObject(full(/room for 1000 bytes, and 1001/))
  expect(await doors.traces()).toEqual(NOTHING)
  expect(await doors.get()).toMatchObject(missing)
  const path = `/ajax-api/2.0/mlflow/upload-artifact?run_uuid=${doors.run}&path=big.bin`
  expect(
    await doors.ask({ method: 'POST', path, body: Buffer.alloc(FREE_BYTES + 1) }),
  ).toMatchObject(full(/room for 1000 bytes, and 1001/))
  expect(await doors.traces()).toEqual(NOTHING)
  expect(await doors.put(FREE_BYTES)).toMatchObject({ status: 200 })
  expect((await doors.get()).text).toHaveLength(FREE_BYTES)
})

test('so is a part of one that comes in parts; the parts that fit stay', async () => {
  await using doors = await openRun()
  const place = `/mlflow-artifacts/mpu/create/0/${doors.run}/artifacts`
  const begun = await doors.post(place, { path: 'big.bin', num_parts: 2 })
  const Credential = z.object({ url: z.string(), headers: z.record(z.string(), z.string()) })
  const { credentials, upload_id } = z
    .object({ upload_id: z.string(), credentials: z.array(Credential) })
    .parse(begun.json)
  const send = (number: number) => {
    const { url = '', headers = {} } = credentials[number - 1] ?? {}
    return doors.ask({
      method: 'PUT',
      path: new URL(url).pathname,
      headers,
      body: Buffer.alloc(FREE_BYTES, String(number)),
    })
  }
  doors.files.leaveFree(FREE_BYTES)
  const first = await send(1)
  expect(first).toMatchObject({ status: 200 })
  doors.files.leaveFree(FREE_BYTES - 1)
  await doors.traces()
  expect(await send(2)).toMatchObject(full(/room for 999 bytes, and 1000/))
  expect(await doors.traces()).toEqual(NOTHING)
  doors.files.leaveFree(FREE_BYTES)
  const second = await send(2)
  const parts = [first, second].map(({ headers }, i) => ({
    part_number: i + 1,
    etag: headers.etag,
  }))
  const complete = `/mlflow-artifacts/mpu/complete/0/${doors.run}/artifacts`
  expect(await doors.post(complete, { path: 'big.bin', upload_id, parts })).toMatchObject({
    status: 200,
  })
  expect((await doors.get()).text).toBe('1'.repeat(FREE_BYTES) + '2'.repeat(FREE_BYTES))
})

test.each(['write', 'datasync', 'rename'] as const)(
  'a disk that fills up during %s leaves nothing to be seen, and takes the next upload',
  async (step) => {
    await using doors = await openRun()
    doors.files.failNext(step)
    expect(await doors.put(FREE_BYTES)).toMatchObject(full(/the disk is full/))
    expect(await doors.traces()).toMatchObject({ half: [], rows: 0 })
    expect(await doors.get()).toMatchObject(missing)
    expect(await doors.put(FREE_BYTES)).toMatchObject({ status: 200 })
    expect((await doors.get()).text).toHaveLength(FREE_BYTES)
  },
)
