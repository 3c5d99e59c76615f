import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open as openFileHandle } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { TREE_MEDIA_TYPE, Tree } from '@gyre/sdk/wire/artifact'
import type { Clock } from '../../core/clock.ts'
import type { Digest } from '../../core/digest.ts'
import { errnoOf, GyreError, toGyreError } from '../../core/errors.ts'
import type { NewId } from '../../core/id.ts'
import { createTurns } from '../../core/turns.ts'
import { toTree } from '../artifact-tree.ts'
import type { Blobs, Pile, PutOptions, StoredBlob } from '../blobs.ts'
import type { Files } from '../files.ts'
import { diskDraft } from './disk-draft.ts'
import { assertRoom } from './room-left.ts'
import { assertSize, writeAll } from './write-all.ts'

export interface DiskOptions {
  /** Holds `sha256/ab/cd…`, `temp/` and `drafts/`. */
  readonly folder: string
  readonly files: Files
  readonly newId: NewId
  /** Says when a blob was used. */
  readonly clock: Clock
}

/** A tree of some hundred thousand files; a manifest beyond it is a mistake. */
const MAX_MANIFEST_BYTES = 64 * 1024 * 1024

/** At node's own 64 KB a download took twice the processor time, and twice the time. */
const READ_BYTES = 1024 * 1024

const HEX = /^[0-9a-f]{64}$/

/** Blobs as files named by their digest. Opening sweeps what a crash left half written. */
export async function openDisk({ folder, files, newId, clock }: DiskOptions): Promise<Blobs> {
  const tempFolder = join(folder, 'temp')
  await files.remove(tempFolder)
  await files.makeFolder(tempFolder)
  const root = join(folder, 'sha256')
  await files.makeFolder(root)
  const draftFolder = join(folder, 'drafts')
  await files.makeFolder(draftFolder)
  await files.syncFolder(folder)
  /** A blob is used and removed in turns: what was said to be there is not taken away by an older look at it. */
  const turns = createTurns()

  const newTempPath = () => join(tempFolder, newId('blob'))
  const pathOf = (digest: Digest) => {
    const hex = digest.slice('sha256:'.length)
    return join(root, hex.slice(0, 2), hex.slice(2))
  }

  const madeFolders = new Set<string>()

  async function makeFolder(path: string): Promise<void> {
    if (madeFolders.has(path)) return
    await files.makeFolder(path)
    await files.syncFolder(dirname(path))
    madeFolders.add(path)
  }

  /** Gives a file that is on the disk its name. A known name is synced too: its own put may still be at it. */
  function place(tempPath: string, digest: Digest): Promise<void> {
    return turns(digest, async () => {
      const path = pathOf(digest)
      await makeFolder(dirname(path))
      const known = await files.sizeOf(path)
      if (known === undefined) await files.rename(tempPath, path)
      else await files.remove(tempPath)
      await files.touch(path, clock.now())
      await files.syncFolder(dirname(path))
    })
  }

  /** Marks a blob as used now; false when it is not there. */
  function use(digest: Digest): Promise<boolean> {
    return turns(digest, async () => {
      const path = pathOf(digest)
      if ((await files.sizeOf(path)) === undefined) return false
      await files.touch(path, clock.now())
      return true
    })
  }

  async function* list(): AsyncGenerator<StoredBlob> {
    for (const first of (await files.list(root)).toSorted())
      for (const rest of (await files.list(join(root, first))).toSorted()) {
        const stat = HEX.test(first + rest) && (await files.statOf(join(root, first, rest)))
        if (stat) yield { digest: `sha256:${first}${rest}`, ...stat }
      }
  }

  async function abandoned(before: Date, each: (path: string) => Promise<void>): Promise<Pile> {
    const pile = { files: 0, bytes: 0 }
    for (const name of await files.list(tempFolder)) {
      const path = join(tempFolder, name)
      const stat = await files.statOf(path)
      if (!stat || stat.usedAt >= before) continue
      await each(path)
      pile.files += 1
      pile.bytes += stat.bytes
    }
    return pile
  }

  async function put(source: AsyncIterable<Uint8Array> | Uint8Array, options: PutOptions = {}) {
    const tempPath = newTempPath()
    try {
      if (options.announcedBytes !== undefined) assertSize(options.announcedBytes, options.maxBytes)
      await assertRoom(files, tempFolder, options.announcedBytes)
      const file = await files.create(tempPath)
      const { digest, bytes } = await writeAll(file, source, options)
      await place(tempPath, digest)
      return { digest, bytes, mediaType: options.mediaType ?? 'application/octet-stream' }
    } catch (error) {
      await files.remove(tempPath)
      throw toGyreError(error)
    }
  }

  async function read(digest: Digest, maxBytes = Number.POSITIVE_INFINITY): Promise<Buffer> {
    await using handle = await openBlob(pathOf(digest), digest)
    const { size } = await handle.stat()
    if (size > maxBytes)
      throw new GyreError('TOO_LARGE', `${digest} has ${size} bytes, expected at most ${maxBytes}`)
    return handle.readFile()
  }

  return {
    driver: 'disk',
    can: { localPath: true },
    put,
    async adopt(path, mediaType = 'application/octet-stream') {
      await files.sync(path)
      const { digest, bytes } = await hashFile(path)
      await place(path, digest)
      return { digest, bytes, mediaType }
    },
    async get(digest, range) {
      const handle = await openBlob(pathOf(digest), digest)
      return handle.createReadStream({
        highWaterMark: READ_BYTES,
        ...(range && { start: range.first, end: range.last }),
      })
    },
    read,
    has: use,
    sizeOf: (digest) => files.sizeOf(pathOf(digest)),
    pathOf,
    newTempPath,
    draft: (name) => diskDraft(join(draftFolder, name), { files, place }),
    drafts: () => files.list(draftFolder),
    async putTree(entries) {
      const tree = toTree(entries)
      for (const { path, artifact } of tree.entries)
        if (!(await use(artifact.digest)))
          throw new GyreError('NOT_FOUND', `${path}: no such artifact: ${artifact.digest}`)
      return put(Buffer.from(JSON.stringify(tree)), { mediaType: TREE_MEDIA_TYPE })
    },
    readTree: async (digest) => parseTree(digest, await read(digest, MAX_MANIFEST_BYTES)),
    list,
    remove: (digest, before) =>
      turns(digest, async () => {
        const path = pathOf(digest)
        const stat = await files.statOf(path)
        if (!stat || stat.usedAt >= before) return false
        await files.remove(path)
        return true
      }),
    leftovers: (before) => abandoned(before, async () => {}),
    sweep: (before) => abandoned(before, (path) => files.remove(path)),
    close: async () => {},
  }
}

async function hashFile(path: string): Promise<{ digest: Digest; bytes: number }> {
  const hash = createHash('sha256')
  let bytes = 0
  for await (const chunk of createReadStream(path, { highWaterMark: READ_BYTES })) {
    hash.update(chunk)
    bytes += chunk.length
  }
  return { digest: `sha256:${hash.digest('hex')}`, bytes }
}

async function openBlob(path: string, digest: Digest) {
  try {
    return await openFileHandle(path, 'r')
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw toGyreError(error)
    throw new GyreError('NOT_FOUND', `no such artifact: ${digest}`, { digest }, error)
  }
}

function parseTree(digest: Digest, bytes: Buffer): Tree {
  try {
    return Tree.parse(JSON.parse(bytes.toString('utf8')))
  } catch (error) {
    throw new GyreError('INVALID_ARGUMENT', `${digest}: expected a tree`, { digest }, error)
  }
}
