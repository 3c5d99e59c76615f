import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fakeClock } from '../../core/clock.ts'
import { digestOf } from '../../core/digest.ts'
import { createIds } from '../../core/id.ts'
import { blobsContract } from '../contract/blobs.ts'
import { faultyFiles, type Step } from '../contract/faulty-files.ts'
import { tempFolder } from '../contract/temp-folder.ts'
import { nodeFiles } from '../files.ts'
import { openDisk } from './disk.ts'

const newId = createIds(() => 0)
const clock = fakeClock()
const ABC = digestOf('abc')

async function* once(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text)
}

blobsContract(clock, async () =>
  openDisk({ folder: await tempFolder(), files: nodeFiles, newId, clock }),
)

test('a put is answered after write, fsync, rename and the folder’s fsync, in that order', async () => {
  const files = faultyFiles()
  const blobs = await openDisk({ folder: await tempFolder(), files, newId, clock })
  files.steps.length = 0
  await blobs.put(Buffer.from('abc'))
  const hex = ABC.slice('sha256:'.length)
  expect(files.steps.map((step) => step.replace(/blob_\w+/, 'TEMP'))).toEqual([
    'write TEMP',
    'datasync TEMP',
    'syncFolder sha256',
    `rename ${hex.slice(2)}`,
    `syncFolder ${hex.slice(0, 2)}`,
  ])
})

test('a second put of the same bytes waits for the folder’s fsync too: the first may not be there yet', async () => {
  const files = faultyFiles()
  const blobs = await openDisk({ folder: await tempFolder(), files, newId, clock })
  await blobs.put(Buffer.from('abc'))
  files.steps.length = 0
  await blobs.put(Buffer.from('abc'))
  expect(files.steps.at(-1)).toBe('syncFolder ba')
})

test.each<[Step]>([['write'], ['datasync'], ['rename']])(
  'a disk that fills up during %s is DISK_FULL and leaves nothing',
  async (step) => {
    const folder = await tempFolder()
    const files = faultyFiles()
    const blobs = await openDisk({ folder, files, newId, clock })
    files.failNext(step)
    await expect(blobs.put(Buffer.from('abc'))).rejects.toMatchObject({ code: 'DISK_FULL' })
    expect(await blobs.has(ABC)).toBe(false)
    expect(await readdir(join(folder, 'temp'))).toEqual([])
    await blobs.put(Buffer.from('abc'))
    expect(await blobs.has(ABC)).toBe(true)
  },
)

test('what a crash left half written is swept when the store opens', async () => {
  const folder = await tempFolder()
  const first = await openDisk({ folder, files: nodeFiles, newId, clock })
  await writeFile(first.newTempPath(), 'half')
  await first.put(Buffer.from('abc'))
  const second = await openDisk({ folder, files: nodeFiles, newId, clock })
  expect(await readdir(join(folder, 'temp'))).toEqual([])
  expect(String(await second.read(ABC))).toBe('abc')
})

test('a draft outlives its server; its pieces are on the disk before they are acknowledged', async () => {
  const folder = await tempFolder()
  const files = faultyFiles()
  const first = await openDisk({ folder, files, newId, clock })
  files.steps.length = 0
  const ab = await first.draft('one').write(0, once('ab'))
  expect(files.steps).toEqual(['write one', 'datasync one', 'syncFolder drafts'])
  const second = await openDisk({ folder, files: nodeFiles, newId, clock })
  const c = await second.draft('one').write(2, once('c'))
  const { digest } = await second.draft('one').verify([ab, c])
  await second.draft('one').toBlob(digest)
  expect(String(await second.read(ABC))).toBe('abc')
})

test.each<[Step]>([['write'], ['datasync']])(
  'a disk that fills up during %s of a piece is DISK_FULL, and the piece can come again',
  async (step) => {
    const files = faultyFiles()
    const blobs = await openDisk({ folder: await tempFolder(), files, newId, clock })
    const draft = blobs.draft('one')
    files.failNext(step)
    await expect(draft.write(0, once('abc'))).rejects.toMatchObject({ code: 'DISK_FULL' })
    const abc = await draft.write(0, once('abc'))
    expect((await draft.verify([abc])).digest).toBe(ABC)
  },
)
