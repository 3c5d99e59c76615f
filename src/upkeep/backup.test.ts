import { execFile } from 'node:child_process'
import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../core/clock.ts'
import type { Digest } from '../core/digest.ts'
import { silentLog } from '../core/log.ts'
import { nodeFiles } from '../store/files.ts'
import { faultyFiles, tempFolder } from '../store/fixture.ts'
import { openStore, type Store } from '../store/store.ts'
import { checkArchive } from './check-archive.ts'
import { backupOf, CTX, inPieces, openDepot, tarOf, type Depot } from './fixture.ts'
import { restoreBackup } from './restore.ts'
import { saveBackup } from './save-backup.ts'

const run = promisify(execFile)
async function opened(folder: string): Promise<Store> {
  const store = await openStore({
    folder,
    clock: systemClock,
    log: silentLog,
    config: { analyticsMemoryMb: 128 },
  })
  onTestFinished(() => store.close())
  return store
}

async function notesOf({ rows, analytics }: Store): Promise<readonly unknown[]> {
  const source = await rows
    .stream('notes', { durability: 'fsync', columns: { text: 'VARCHAR' } })
    .sql()
  try {
    const found = await analytics.query(`SELECT text FROM ${source.sql} ORDER BY text`)
    return found.map(({ text }) => text)
  } finally {
    source.release()
  }
}

/** Of a depot that is filled. */
let archive: Buffer

beforeAll(async () => {
  await using depot = await openDepot()
  await fill(depot)
  archive = await depot.backup()
})

/** Rows in Parquet and in a live tail, and files, whose digests it gives. */
async function fill(depot: Depot): Promise<readonly Digest[]> {
  const { store } = depot
  await depot.note('a')
  await store.rows.roll('notes')
  await depot.note('b')
  return [
    await depot.addFile('r1', 'a.txt', 'first'),
    await depot.addFile('r1', 'b.txt', ''),
    await depot.addFile('r2', 'a.txt', 'x'.repeat(100_000)),
  ]
}

test('a restored folder is a data folder: every file, row and event as of the backup, and nothing later', async () => {
  await using depot = await openDepot()
  const digests = await fill(depot)
  const taken = await depot.backup()
  await depot.note('c')
  const late = await depot.addFile('r2', 'late.txt', 'late')
  const orphan = await depot.store.blobs.put(Buffer.from('named by nothing'))

  const folder = join(await tempFolder(), 'new')
  const { head, members } = await restoreBackup(nodeFiles, inPieces(taken), folder)
  const store = await opened(folder)
  expect(await notesOf(store)).toEqual(['a', 'b'])
  for (const [i, text] of ['first', '', 'x'.repeat(100_000)].entries())
    expect(String(await store.blobs.read(digests[i] ?? late))).toBe(text)
  for (const digest of [late, orphan.digest]) expect(await store.blobs.has(digest)).toBe(false)
  expect(await store.events.verify()).toEqual({ ok: true, count: 1 })
  expect((await store.events.latest())?.hash).toBe(head.event.hash)
  expect(head).toMatchObject({ gyre: '0.0.1', at: '2001-01-01T00:00:00.000Z', event: { seq: 1 } })
  // The catalog, a Parquet file, a live tail, three blobs.
  expect(members).toBe(6)
})

test('what the tar of the system unpacks is a data folder too', async () => {
  // `printf first | sha256sum`
  const hex = 'a7937b64b8caa58f03721bb6bacf5c78cb235febe0e70b1b84cd99541461a08e'
  const folder = await tempFolder()
  await writeFile(join(folder, 'a.tar'), archive)
  const data = join(folder, 'data')
  await mkdir(data)
  await run('tar', ['-xf', join(folder, 'a.tar'), '-C', data])
  const { stdout } = await run('sha256sum', [
    join(data, 'blobs', 'sha256', hex.slice(0, 2), hex.slice(2)),
  ])
  expect(stdout.slice(0, 64)).toBe(hex)
  expect(await notesOf(await opened(data))).toEqual(['a', 'b'])
})

test('rows and files that are written while a backup is sent do not come into it, and wait for nothing', async () => {
  await using depot = await openDepot()
  await fill(depot)
  const sending = await depot.upkeep.backup(CTX)
  const parts: Uint8Array[] = []
  for await (const part of sending as AsyncIterable<Uint8Array>) {
    parts.push(part)
    await depot.note(`later ${parts.length}`)
    await depot.addFile('r3', `${parts.length}.txt`, `later ${parts.length}`)
    await depot.store.rows.roll('notes')
  }
  const folder = join(await tempFolder(), 'new')
  await restoreBackup(nodeFiles, inPieces(Buffer.concat(parts)), folder)
  const store = await opened(folder)
  expect(await notesOf(store)).toEqual(['a', 'b'])
  const files = await store.catalog.read.selectFrom('artifact_files').select('path').execute()
  expect(files).toHaveLength(3)
  expect((await notesOf(depot.store)).length).toBe(2 + parts.length)
})

test('of a file that ended early, at whatever byte, nothing is made, and the message says so', async () => {
  const parent = await tempFolder()
  const step = Math.floor(archive.length / 40)
  const ends = Array.from({ length: 40 }, (_, i) => i * step)
  for (const end of [...ends, archive.length - 1024, archive.length - 1]) {
    const cut = archive.subarray(0, end)
    await expect(
      restoreBackup(nodeFiles, inPieces(cut), join(parent, 'new')),
    ).rejects.toMatchObject({
      code: 'DAMAGED',
      message: expect.stringMatching(/^this is not a whole backup: /),
    })
    expect(await readdir(parent)).toEqual([])
  }
})

const HEAD = `{"format":1,"gyre":"0.1.0","schema":20,"at":"2001-01-01T00:00:00.000Z","event":{"seq":0,"hash":""}}\n`
const CATALOG = ['catalog.db', 'not a database'] as const
/** `printf abc | sha256sum` */
const ABC = 'blobs/sha256/ba/7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'

test('one changed byte is found wherever it is', async () => {
  const small = backupOf(
    HEAD,
    CATALOG,
    [`rows/${'n'.repeat(128)}/seg_1.ndjson`, '{}\n'],
    [ABC, 'abc'],
  )
  await checkArchive(inPieces(small))
  for (let at = 0; at < small.length; at += 1)
    await expect(checkArchive(inPieces(flipped(small, at)))).rejects.toMatchObject({
      code: expect.stringMatching(/^(DAMAGED|NEWER_DATABASE)$/),
    })
  for (let at = 0; at < archive.length; at += Math.ceil(archive.length / 100))
    await expect(checkArchive(inPieces(flipped(archive, at)))).rejects.toMatchObject({
      code: 'DAMAGED',
    })
  const parent = await tempFolder()
  const changed = restoreBackup(nodeFiles, inPieces(flipped(archive, 5_000)), join(parent, 'new'))
  await expect(changed).rejects.toMatchObject({
    code: 'DAMAGED',
    message: expect.stringContaining('catalog.db is not what the manifest lists'),
  })
  expect(await readdir(parent)).toEqual([])
})

function flipped(bytes: Buffer, at: number): Buffer {
  const changed = Buffer.from(bytes)
  changed[at] = (changed[at] ?? 0) ^ 1
  return changed
}

test('a whole backup by hand is taken, so that those below fail for what they say', async () => {
  const whole = backupOf(HEAD, CATALOG, ['rows/notes/seg_1.ndjson', '{}\n'], [ABC, 'abc'])
  expect(await checkArchive(inPieces(whole))).toEqual({
    head: JSON.parse(HEAD),
    members: 3,
    bytes: 20,
  })
})

test.each<[string, Buffer, RegExp]>([
  ['no manifest', tarOf(['backup.json', HEAD], CATALOG), /ends without its manifest/],
  ['no member', tarOf(), /ends without its manifest/],
  ['no head', tarOf(CATALOG), /does not begin with backup\.json/],
  ['a path that climbs', backupOf(HEAD, ['../evil', 'x']), /"\.\.\/evil", which belongs in none/],
  ['one inside', backupOf(HEAD, ['rows/../seg_1.ndjson', 'x']), /belongs in none/],
  ['an absolute path', backupOf(HEAD, ['/etc/cron.d/x', 'x']), /belongs in none/],
  ['a backslash', backupOf(HEAD, ['rows\\a\\seg_1.ndjson', 'x']), /belongs in none/],
  ['a lock', backupOf(HEAD, ['lock.json', '{}']), /"lock\.json", which belongs in none/],
  ['a file twice', backupOf(HEAD, CATALOG, CATALOG), /catalog\.db comes after catalog\.db/],
  ['another order', backupOf(HEAD, [ABC, 'abc'], CATALOG), /catalog\.db comes after blobs/],
  [
    'a blob of other bytes',
    backupOf(HEAD, CATALOG, [ABC, 'abd']),
    /the bytes of sha256:ba7816bf.* are others/,
  ],
  [
    'a member that the manifest does not list',
    Buffer.concat([
      tarOf(['backup.json', HEAD], CATALOG, [ABC, 'abc']).subarray(0, -1024),
      backupOf(HEAD, CATALOG).subarray(2048),
    ]),
    /does not hold what its manifest lists/,
  ],
  [
    'a member behind the manifest',
    Buffer.concat([backupOf(HEAD, CATALOG).subarray(0, -1024), tarOf([ABC, 'abc'])]),
    /comes after the manifest/,
  ],
  [
    'what a server says that could not go on',
    tarOf(['backup.json', HEAD], ['failed.json', '{"code":"DAMAGED","message":"a blob is gone"}']),
    /could not finish the backup: a blob is gone/,
  ],
])('a backup with %s is refused and leaves nothing', async (_what, refused, message) => {
  const parent = await tempFolder()
  await expect(
    restoreBackup(nodeFiles, inPieces(refused), join(parent, 'in', 'new')),
  ).rejects.toMatchObject({ code: 'DAMAGED', message: expect.stringMatching(message) })
  expect(await readdir(join(parent, 'in'))).toEqual([])
})

test('a link in a backup is refused, whatever it is called', async () => {
  const folder = await tempFolder()
  await writeFile(join(folder, 'backup.json'), HEAD)
  await run('ln', ['-s', '/etc/passwd', join(folder, 'catalog.db')])
  const { stdout } = await run(
    'tar',
    ['--format=ustar', '-cf', '-', '-C', folder, 'catalog.db', 'backup.json'],
    { encoding: 'buffer' },
  )
  await expect(checkArchive(inPieces(stdout))).rejects.toMatchObject({
    code: 'DAMAGED',
    message: expect.stringContaining('"catalog.db" is no plain file (type "2")'),
  })
})

test('a backup of a newer schema is refused before anything but its head is read', async () => {
  const newer = HEAD.replace('"schema":20', '"schema":9999').replace('0.1.0', '7.0.0')
  const begun = backupOf(newer, CATALOG).subarray(0, 1_100)
  await expect(checkArchive(inPieces(begun))).rejects.toMatchObject({
    code: 'NEWER_DATABASE',
    message: expect.stringMatching(/newer Gyre \(7\.0\.0, schema 9999; this one knows \d+\)/),
  })
})

test('a folder that holds something, or a restore that was cut off beside it, is left as it is', async () => {
  const parent = await tempFolder()
  const folder = join(parent, 'new')
  await mkdir(folder)
  await writeFile(join(folder, 'mine'), '')
  await expect(restoreBackup(nodeFiles, inPieces(archive), folder)).rejects.toMatchObject({
    code: 'ALREADY_EXISTS',
  })
  expect(await readdir(parent)).toEqual(['new'])
  expect(await readdir(folder)).toEqual(['mine'])
  await rm(join(folder, 'mine'))
  await mkdir(`${folder}.restoring`)
  await expect(restoreBackup(nodeFiles, inPieces(archive), folder)).rejects.toMatchObject({
    code: 'CONFLICT',
    message: expect.stringContaining('remove it when none is'),
  })
  await rm(`${folder}.restoring`, { recursive: true })
  await restoreBackup(nodeFiles, inPieces(archive), folder)
  expect((await readdir(folder)).toSorted()).toEqual(['blobs', 'catalog.db', 'rows'])
})

test.each(['write', 'datasync', 'syncFolder', 'rename'] as const)(
  'a disk that is full at a %s leaves neither half a backup nor half a folder',
  async (step) => {
    const parent = await tempFolder()
    const files = faultyFiles()
    files.failNext(step)
    const full = { code: 'DISK_FULL', message: expect.stringContaining('the disk is full') }
    await expect(
      restoreBackup(files, inPieces(archive), join(parent, 'in', 'new')),
    ).rejects.toMatchObject(full)
    // After the rename the folder is whole: only its name may not outlive a power cut.
    files.failNext(step)
    await expect(
      saveBackup(files, inPieces(archive), join(parent, 'backup.tar')),
    ).rejects.toMatchObject(full)
    const left = await readdir(parent)
    expect(left.filter((name) => name.endsWith('.partial'))).toEqual([])
    expect(await readdir(join(parent, 'in'))).toEqual([])
  },
)

test('a backup is on the disk before it has its name, and a name that is taken stays', async () => {
  const path = join(await tempFolder(), 'backup.tar')
  const files = faultyFiles()
  await saveBackup(files, inPieces(archive), path)
  expect(files.steps.slice(-3)).toEqual([
    'datasync backup.tar.partial',
    'rename backup.tar',
    `syncFolder ${dirname(path).slice(dirname(path).lastIndexOf('/') + 1)}`,
  ])
  expect((await readFile(path)).equals(archive)).toBe(true)
  await expect(saveBackup(files, inPieces(archive), path)).rejects.toMatchObject({
    code: 'ALREADY_EXISTS',
  })
})

test('a data folder with a lost or changed blob makes no backup, and says which', async () => {
  await using depot = await openDepot()
  const [digest] = await fill(depot)
  const path = depot.store.blobs.pathOf(digest ?? 'sha256:')
  await chmod(path, 0o600)
  await writeFile(path, 'fIrst')
  await expect(checkArchive(inPieces(await depot.backup()))).rejects.toMatchObject({
    code: 'DAMAGED',
    message: expect.stringContaining(`${digest}`),
  })
  await rm(path)
  await expect(depot.upkeep.backup(CTX)).rejects.toMatchObject({
    code: 'DAMAGED',
    message: expect.stringContaining(`${digest}`),
  })
})

test('one backup at a time; a reader that leaves makes room and leaves nothing behind', async () => {
  await using depot = await openDepot()
  await fill(depot)
  const first = await depot.upkeep.backup(CTX)
  await expect(depot.upkeep.backup(CTX)).rejects.toMatchObject({ code: 'CONFLICT' })
  const closed = new Promise((resolve) => first.once('close', resolve))
  first.destroy()
  await closed
  await expect.poll(() => depot.backup().then(({ length }) => length > 0)).toBe(true)
  await expect.poll(() => readdir(join(depot.store.folder, 'temp'))).toEqual([])
})
