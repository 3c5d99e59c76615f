import { Readable } from 'node:stream'
import { writeFile } from 'node:fs/promises'
import type { GcReport, GcRequest } from '@gyre/sdk/wire/upkeep'
import { expect, onTestFinished, test } from 'vitest'
import type { Digest } from '../core/digest.ts'
import type { Blobs } from '../store/blobs.ts'
import { CTX, NO_UPLOADS, openDepot, type Depot } from './fixture.ts'
import { collect } from './gc.ts'

const DAY_MS = 86_400_000
const NONE = { files: 0, bytes: 0 }
/** `printf orphan | sha256sum` */
const ORPHAN: Digest = 'sha256:88f6811ab5d8fc6d3177f9b7609ae0fcebfda187e5046b62d38bb539e88b74d7'
const ASKED: GcRequest = { delete: false, deletedBefore: '30d', unusedFor: '24h' }

async function opened(): Promise<Depot> {
  const depot = await openDepot()
  onTestFinished(() => depot[Symbol.asyncDispose]())
  return depot
}

/** A run that somebody deleted so many days ago, with one file of its own. */
async function addDeletedRun(depot: Depot, id: string, daysAgo: number): Promise<Digest> {
  const { catalog, runs } = depot.store
  const { id: run } = await runs.start(CTX, { kind: 'training', name: id })
  const deletedMs = depot.clock.now().getTime() - daysAgo * DAY_MS
  await catalog.write(async (tx) => {
    await tx.updateTable('runs').set({ deleted_ms: deletedMs }).where('id', '=', run).execute()
  })
  return depot.addFile(run, 'model.bin', `file of ${id}`)
}

const put = async ({ store }: Depot, text: string) =>
  (await store.blobs.put(Buffer.from(text))).digest

async function stored({ store }: Depot): Promise<readonly Digest[]> {
  return (await Readable.from(store.blobs.list()).toArray()).map(({ digest }) => digest)
}

test('nothing is removed unless it is asked for, and what is asked for is what was told', async () => {
  const depot = await opened()
  const kept = await depot.addFile('r1', 'a', 'kept')
  await put(depot, 'orphan')
  await addDeletedRun(depot, 'old', 31)
  const recent = await addDeletedRun(depot, 'recent', 28)
  depot.clock.advance(DAY_MS + 1)
  const fresh = await put(depot, 'fresh')

  const told = await depot.upkeep.gc(CTX, ASKED)
  expect(told).toEqual({
    deleted: false,
    free: {
      unnamed: { files: 1, bytes: 'orphan'.length },
      ofDeleted: { files: 1, bytes: 'file of old'.length },
      uploads: NONE,
      unfinished: NONE,
    },
    gone: { runs: 1, loggedModels: 0 },
    kept: {
      named: { files: 2, bytes: 'kept'.length + 'file of recent'.length },
      fresh: { files: 1, bytes: 'fresh'.length },
    },
  } satisfies GcReport)
  expect(await stored(depot)).toHaveLength(5)

  expect(await depot.upkeep.gc(CTX, { ...ASKED, delete: true })).toEqual({ ...told, deleted: true })
  expect(new Set(await stored(depot))).toEqual(new Set([kept, recent, fresh]))
  const { read } = depot.store.catalog
  expect(await read.selectFrom('artifact_files').select('path').execute()).toHaveLength(2)
  expect(await depot.upkeep.gc(CTX, ASKED)).toMatchObject({
    free: { unnamed: NONE, ofDeleted: NONE },
    gone: { runs: 0 },
  })
  const audit = await depot.store.events.since(0, 10, { types: ['gc.begun', 'gc.ended'] })
  expect(audit.map(({ type, data }) => [type, data])).toEqual([
    ['gc.begun', { deletedBefore: '30d', unusedFor: '24h' }],
    ['gc.ended', { files: 2, bytes: 'orphan'.length + 'file of old'.length }],
  ])
})

test('bytes that a live run shares with a deleted one stay', async () => {
  const depot = await opened()
  const shared = await depot.addFile('r1', 'a', 'file of old')
  expect(await addDeletedRun(depot, 'old', 31)).toBe(shared)
  depot.clock.advance(2 * DAY_MS)
  const report = await depot.upkeep.gc(CTX, { ...ASKED, delete: true })
  expect(report.free.ofDeleted).toEqual(NONE)
  expect(await stored(depot)).toEqual([shared])
})

test('a tree keeps its members, in whatever column it stands, and one inside another too', async () => {
  const depot = await opened()
  const { blobs, runs } = depot.store
  const leaf = await blobs.put(Buffer.from('leaf'))
  const inner = await blobs.putTree([{ path: 'leaf', artifact: leaf }])
  const outer = await blobs.putTree([{ path: 'inner', artifact: inner }])
  const begun = await runs.start(CTX, { kind: 'training', name: 'fit' })
  const outputs = [{ ref: `artifact:${outer.digest}`, role: 'model', digest: outer.digest }]
  await runs.finish(CTX, begun.id, { status: 'succeeded', outputs })
  depot.clock.advance(2 * DAY_MS)
  const report = await depot.upkeep.gc(CTX, { ...ASKED, delete: true })
  expect(report.kept.named.files).toBe(3)
  expect(new Set(await stored(depot))).toEqual(new Set([leaf.digest, inner.digest, outer.digest]))
})

/** A store in which a writer comes in just before each look at a blob. */
function interrupted(blobs: Blobs, writer: () => Promise<void>): Blobs {
  return {
    ...blobs,
    async *list() {
      for await (const blob of blobs.list()) {
        await writer()
        yield blob
      }
    },
  }
}

test.each<[string, (depot: Depot) => Promise<unknown>]>([
  ['puts', (depot) => depot.addFile('r9', 'again', 'orphan')],
  ['asks for', ({ store }) => store.blobs.has(ORPHAN)],
])('a writer that %s bytes while they are about to go keeps them', async (_how, write) => {
  const depot = await opened()
  expect(await put(depot, 'orphan')).toBe(ORPHAN)
  const other = await put(depot, 'nobody wants this')
  depot.clock.advance(2 * DAY_MS)
  let isDone = false
  const blobs = interrupted(depot.store.blobs, async () => {
    if (isDone) return
    isDone = true
    await write(depot)
  })
  const { catalog } = depot.store
  const plan = {
    isDeleting: true,
    deletedBefore: new Date(0),
    unusedSince: new Date(depot.clock.now().getTime() - DAY_MS),
  }
  const report = await collect({ catalog, blobs, uploads: NO_UPLOADS }, plan)
  expect(report).toMatchObject({ free: { unnamed: { files: 1 } }, kept: { fresh: { files: 1 } } })
  expect(await stored(depot)).toEqual([ORPHAN])
  expect(await depot.store.blobs.has(other)).toBe(false)
})

test('a run that is brought back before its files are forgotten keeps them', async () => {
  const depot = await opened()
  const digest = await addDeletedRun(depot, 'old', 31)
  const { catalog, blobs } = depot.store
  depot.clock.advance(2 * DAY_MS)
  let writes = 0
  const undeleting = {
    ...catalog,
    async write<T>(unit: Parameters<typeof catalog.write<T>>[0]) {
      writes += 1
      await catalog.write(async (tx) => {
        await tx.updateTable('runs').set({ deleted_ms: null }).execute()
      })
      return catalog.write(unit)
    },
  }
  const plan = {
    isDeleting: true,
    deletedBefore: depot.clock.now(),
    unusedSince: depot.clock.now(),
  }
  await collect({ catalog: undeleting, blobs, uploads: NO_UPLOADS }, plan)
  expect(writes).toBeGreaterThan(0)
  expect(await stored(depot)).toEqual([digest])
})

test('a tree that cannot be read stops it before anything is removed', async () => {
  const depot = await opened()
  const { blobs, catalog } = depot.store
  const orphan = await put(depot, 'orphan')
  const file = await blobs.put(Buffer.from('file'))
  const tree = await blobs.putTree([{ path: 'a', artifact: file }])
  await catalog.write(async (tx) => {
    await tx
      .insertInto('code_versions')
      .values({
        project: 'default',
        name: 'shop',
        version: 1,
        manifest: '{}',
        manifest_digest: '',
        bundle_digest: tree.digest,
        source: '{}',
        actor: 'ann',
        applied_at: '',
      })
      .execute()
  })
  await writeFile(blobs.pathOf(tree.digest), '{"entries":')
  depot.clock.advance(2 * DAY_MS)
  await expect(depot.upkeep.gc(CTX, { ...ASKED, delete: true })).rejects.toMatchObject({
    code: 'DAMAGED',
    message: expect.stringContaining('code_versions.bundle_digest'),
  })
  expect(new Set(await stored(depot))).toEqual(new Set([orphan, file.digest, tree.digest]))
})

test('while a backup is sent nothing is collected; a duration must be one', async () => {
  const depot = await opened()
  const sending = await depot.upkeep.backup(CTX)
  await expect(depot.upkeep.gc(CTX, ASKED)).rejects.toMatchObject({ code: 'CONFLICT' })
  await sending.toArray()
  await expect(depot.upkeep.gc(CTX, { ...ASKED, unusedFor: 'long' })).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    details: { field: 'unusedFor' },
  })
})

test('what nobody finished to write is told, and swept', async () => {
  const depot = await opened()
  await writeFile(depot.store.blobs.newTempPath(), 'half')
  // The file has the time of the machine, the depot a clock of its own.
  depot.clock.advance(Date.now() + 2 * DAY_MS - depot.clock.now().getTime())
  const unfinished = { files: 1, bytes: 4 }
  expect(await depot.upkeep.gc(CTX, ASKED)).toMatchObject({ free: { unfinished } })
  const swept = await depot.upkeep.gc(CTX, { ...ASKED, delete: true })
  expect(swept).toMatchObject({ free: { unfinished } })
  expect(await depot.upkeep.gc(CTX, ASKED)).toMatchObject({ free: { unfinished: NONE } })
})
