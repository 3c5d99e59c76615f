import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open as openFileHandle } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { TREE_MEDIA_TYPE, Tree } from '@gyre/sdk/wire/artifact'
import type { Digest } from '../../core/digest.ts'
import { errnoOf, GyreError, toGyreError } from '../../core/errors.ts'
import type { NewId } from '../../core/id.ts'
import { toTree } from '../artifact-tree.ts'
import type { Blobs, PutOptions } from '../blobs.ts'
import type { Files, WritableFile } from '../files.ts'

export interface DiskOptions {
  /** Holds `sha256/ab/cd…` and `temp/`. */
  readonly folder: string
  readonly files: Files
  readonly newId: NewId
}

/** A tree of some hundred thousand files; a manifest beyond it is a mistake. */
const MAX_MANIFEST_BYTES = 64 * 1024 * 1024

/** Blobs as files named by their digest. Opening sweeps what a crash left half written. */
export async function openDisk({ folder, files, newId }: DiskOptions): Promise<Blobs> {
  const tempFolder = join(folder, 'temp')
  await files.remove(tempFolder)
  await files.makeFolder(tempFolder)
  await files.makeFolder(join(folder, 'sha256'))
  await files.syncFolder(folder)

  const newTempPath = () => join(tempFolder, newId('blob'))
  const pathOf = (digest: Digest) => {
    const hex = digest.slice('sha256:'.length)
    return join(folder, 'sha256', hex.slice(0, 2), hex.slice(2))
  }

  const madeFolders = new Set<string>()

  async function makeFolder(path: string): Promise<void> {
    if (madeFolders.has(path)) return
    await files.makeFolder(path)
    await files.syncFolder(dirname(path))
    madeFolders.add(path)
  }

  /** Gives a file that is on the disk its name. A known name is synced too: its own put may still be at it. */
  async function place(tempPath: string, digest: Digest): Promise<void> {
    const path = pathOf(digest)
    await makeFolder(dirname(path))
    const known = await files.sizeOf(path)
    if (known === undefined) await files.rename(tempPath, path)
    else await files.remove(tempPath)
    await files.syncFolder(dirname(path))
  }

  async function put(source: AsyncIterable<Uint8Array> | Uint8Array, options: PutOptions = {}) {
    const tempPath = newTempPath()
    try {
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
    async get(digest) {
      const handle = await openBlob(pathOf(digest), digest)
      return handle.createReadStream()
    },
    read,
    has: async (digest) => (await files.sizeOf(pathOf(digest))) !== undefined,
    pathOf,
    newTempPath,
    async putTree(entries) {
      const tree = toTree(entries)
      for (const { path, artifact } of tree.entries)
        if ((await files.sizeOf(pathOf(artifact.digest))) === undefined)
          throw new GyreError('NOT_FOUND', `${path}: no such artifact: ${artifact.digest}`)
      return put(Buffer.from(JSON.stringify(tree)), { mediaType: TREE_MEDIA_TYPE })
    },
    readTree: async (digest) => parseTree(digest, await read(digest, MAX_MANIFEST_BYTES)),
    close: async () => {},
  }
}

async function writeAll(
  file: WritableFile,
  source: AsyncIterable<Uint8Array> | Uint8Array,
  { expected, maxBytes }: PutOptions,
): Promise<{ digest: Digest; bytes: number }> {
  const hash = createHash('sha256')
  let bytes = 0
  try {
    for await (const chunk of source instanceof Uint8Array ? [source] : source) {
      bytes += chunk.byteLength
      if (maxBytes !== undefined && bytes > maxBytes)
        throw new GyreError('TOO_LARGE', `the blob has more than ${maxBytes} bytes`, { maxBytes })
      hash.update(chunk)
      await file.write(chunk)
    }
    const digest: Digest = `sha256:${hash.digest('hex')}`
    if (expected !== undefined && expected !== digest)
      throw new GyreError('INVALID_ARGUMENT', `digest: expected ${expected}, got ${digest}`, {
        expected,
        digest,
      })
    await file.datasync()
    return { digest, bytes }
  } finally {
    await file.close()
  }
}

async function hashFile(path: string): Promise<{ digest: Digest; bytes: number }> {
  const hash = createHash('sha256')
  let bytes = 0
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) {
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
