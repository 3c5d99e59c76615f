import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { dirname } from 'node:path'
import type { Digest } from '../../core/digest.ts'
import { GyreError, toGyreError } from '../../core/errors.ts'
import type { Draft, Piece } from '../blobs.ts'
import type { Files } from '../files.ts'
import { assertRoom } from './room-left.ts'
import { writeAll } from './write-all.ts'

export interface DiskDraftDeps {
  readonly files: Files
  /** Gives a file that is on the disk the name of a blob. */
  readonly place: (path: string, digest: Digest) => Promise<void>
}

const READ_BYTES = 1024 * 1024

/** A draft as a file of its own, written in place. */
export function diskDraft(path: string, { files, place }: DiskDraftDeps): Draft {
  return {
    async write(offset, source, announcedBytes) {
      try {
        await assertRoom(files, dirname(path), announcedBytes)
        const file = await files.writeFrom(path, offset)
        const piece = await writeAll(
          file,
          source,
          announcedBytes === undefined ? {} : { maxBytes: announcedBytes },
        )
        await files.syncFolder(dirname(path))
        return piece
      } catch (error) {
        throw toGyreError(error)
      }
    },

    async verify(pieces) {
      const bytes = pieces.reduce((sum, piece) => sum + piece.bytes, 0)
      try {
        await resize(files, path, bytes)
        const digest = await digestOfPieces(path, pieces)
        return { digest, bytes, mediaType: 'application/octet-stream' }
      } catch (error) {
        throw toGyreError(error)
      }
    },

    async toBlob(digest) {
      await files.sync(path)
      await place(path, digest)
    },

    bytes: async () => (await files.sizeOf(path)) ?? 0,

    drop: () => files.remove(path),
  }
}

/** A piece that was longer once leaves bytes behind the end. */
async function resize(files: Files, path: string, bytes: number): Promise<void> {
  const file = await files.writeFrom(path, 0)
  try {
    await file.truncate(bytes)
  } finally {
    await file.close()
  }
}

/** The digest of a whole file that is these pieces. Throws INVALID_ARGUMENT for another one. */
async function digestOfPieces(path: string, pieces: readonly Piece[]): Promise<Digest> {
  const whole = createHash('sha256')
  let start = 0
  for (const [i, { digest, bytes }] of pieces.entries()) {
    const hash = createHash('sha256')
    const range = { start, end: start + bytes - 1, highWaterMark: READ_BYTES }
    if (bytes > 0)
      for await (const chunk of createReadStream(path, range)) {
        hash.update(chunk)
        whole.update(chunk)
      }
    if (`sha256:${hash.digest('hex')}` !== digest)
      throw new GyreError(
        'INVALID_ARGUMENT',
        `part ${i + 1} is not there as it came: send it again`,
        {
          part: i + 1,
        },
      )
    start += bytes
  }
  return `sha256:${whole.digest('hex')}`
}
