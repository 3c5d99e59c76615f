import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import type { Clock } from '../core/clock.ts'
import type { Digest } from '../core/digest.ts'
import { GyreError } from '../core/errors.ts'
import type { NewId } from '../core/id.ts'
import type { Log } from '../core/log.ts'
import type { Blobs } from '../store/blobs.ts'
import type { Catalog, Snapshot } from '../store/catalog.ts'
import { nodeFiles } from '../store/files.ts'
import type { HeldRows, RowFile, Rows } from '../store/rows.ts'
import { SCHEMA_VERSION } from '../store/schema-version.ts'
import { failureText, FAILURE_PATH } from './failure.ts'
import { headLine, MANIFEST_PATH, memberLine, sumManifest, type BackupHead } from './manifest.ts'
import { blobPath, CATALOG_PATH, HEAD_PATH, rowsPath, type Member } from './member.ts'
import { findReferences } from './references.ts'
import { TAR_END, tarHeader, tarPadding } from './tar.ts'

export interface BackupDeps {
  readonly catalog: Catalog
  readonly blobs: Blobs
  readonly rows: Rows
  readonly clock: Clock
  readonly newId: NewId
  readonly log: Log
  /** The data folder: the catalog's copy lies in its `temp` until it is sent. */
  readonly folder: string
  /** Gyre's own, as it is told in the backup. */
  readonly version: string
}

/** Everything as of one commit. It is whole as long as nobody removes blobs. */
export interface Point {
  readonly head: BackupHead
  readonly catalogPath: string
  readonly rows: readonly RowFile[]
  /** Sorted. */
  readonly blobs: readonly Digest[]
  release(): Promise<void>
}

const READ_BYTES = 1024 * 1024

/**
 * Chooses a commit, and takes what it names: the catalog as a copy, the rows held from before the commit on. Writers
 * wait for as long as it takes to open the snapshot. Throws DAMAGED, DISK_FULL, CONFLICT while another is chosen.
 */
export async function takePoint(deps: BackupDeps): Promise<Point> {
  const { catalog, clock, newId, folder, version } = deps
  const catalogPath = join(folder, 'temp', newId('backup'))
  const at = clock.now().toISOString()
  const held = await deps.rows.hold()
  const release = async (): Promise<void> => {
    await held.release()
    await rm(catalogPath, { force: true })
  }
  try {
    await using snapshot = await snapshotOf(catalog, held)
    const rows = await held.files(snapshot.read)
    const event = await newestEvent(snapshot)
    await snapshot.copyTo(catalogPath)
    return {
      head: { format: 1, gyre: version, schema: SCHEMA_VERSION, at, event },
      catalogPath,
      rows,
      blobs: await presentBlobs(deps.blobs, snapshot),
      release,
    }
  } catch (error) {
    await release()
    throw error
  }
}

async function snapshotOf(catalog: Catalog, held: HeldRows): Promise<Snapshot> {
  try {
    return await catalog.snapshot()
  } finally {
    held.resume()
  }
}

async function newestEvent({ read }: Snapshot): Promise<BackupHead['event']> {
  const row = await read
    .selectFrom('events')
    .select(['seq', 'hash'])
    .orderBy('seq', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row ?? { seq: 0, hash: '' }
}

/** Throws DAMAGED where one is not there that must be. */
async function presentBlobs(blobs: Blobs, { read }: Snapshot): Promise<readonly Digest[]> {
  const { held, mentioned } = await findReferences(read, blobs, 'all')
  const present: Digest[] = [...held]
  for (const digest of held) if ((await blobs.sizeOf(digest)) === undefined) throw missing(digest)
  for (const digest of mentioned)
    if ((await blobs.sizeOf(digest)) !== undefined) present.push(digest)
  return present.toSorted()
}

/**
 * The point as an archive, in pieces. A blob that is not what it should be ends it, with a member that says so where
 * the manifest would be.
 */
export async function* archiveOf(
  { blobs, log }: Pick<BackupDeps, 'blobs' | 'log'>,
  { head, catalogPath, rows, blobs: digests }: Point,
): AsyncGenerator<Uint8Array> {
  const line = headLine(head)
  const sum = sumManifest(line)
  const named: Member[] = []
  const blobBytes: number[] = []
  yield* textMember(HEAD_PATH, line)
  try {
    const catalogBytes = (await nodeFiles.sizeOf(catalogPath)) ?? 0
    const catalog = createReadStream(catalogPath, { highWaterMark: READ_BYTES })
    named.push(yield* memberOf(CATALOG_PATH, catalogBytes, catalog))
    for (const file of rows)
      named.push(yield* memberOf(rowsPath(file.path), file.bytes, file.read()))
    for (const member of named) sum.add(member)
    for (const digest of digests) {
      const bytes = await blobs.sizeOf(digest)
      if (bytes === undefined) throw missing(digest)
      const member = yield* memberOf(blobPath(digest), bytes, await blobs.get(digest))
      if (member.digest !== digest)
        throw new GyreError('DAMAGED', `the bytes of ${digest} in the data folder are others`)
      sum.add(member)
      blobBytes.push(bytes)
    }
  } catch (thrown) {
    // Thrown between two members; in the middle of one nothing that follows could be read.
    if (!(thrown instanceof GyreError) || thrown.code !== 'DAMAGED') throw thrown
    log.error({ err: thrown }, 'a backup could not be finished')
    yield* textMember(FAILURE_PATH, failureText(thrown))
    yield TAR_END
    return
  }
  const end = sum.end()
  yield tarHeader(MANIFEST_PATH, end.bytes)
  yield Buffer.from(line)
  for (const member of named) yield Buffer.from(memberLine(member))
  for (const [i, digest] of digests.entries())
    yield Buffer.from(memberLine({ path: blobPath(digest), bytes: blobBytes[i] ?? 0, digest }))
  yield Buffer.from(end.line)
  yield tarPadding(end.bytes)
  yield TAR_END
}

async function* memberOf(
  path: string,
  bytes: number,
  content: Readable,
): AsyncGenerator<Uint8Array, Member> {
  yield tarHeader(path, bytes)
  const hash = createHash('sha256')
  let read = 0
  for await (const chunk of content as AsyncIterable<Uint8Array>) {
    hash.update(chunk)
    read += chunk.byteLength
    yield chunk
  }
  if (read !== bytes)
    throw new GyreError('INTERNAL', `${path}: expected ${bytes} bytes, got ${read}`)
  yield tarPadding(bytes)
  return { path, bytes, digest: `sha256:${hash.digest('hex')}` }
}

function* textMember(path: string, text: string): Generator<Uint8Array> {
  const bytes = Buffer.from(text)
  yield tarHeader(path, bytes.length)
  yield bytes
  yield tarPadding(bytes.length)
}

function missing(digest: Digest): GyreError {
  return new GyreError('DAMAGED', `the catalog names ${digest}, and it is not in the data folder`)
}
