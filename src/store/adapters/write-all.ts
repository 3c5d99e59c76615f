import { createHash } from 'node:crypto'
import type { Digest } from '../../core/digest.ts'
import { GyreError } from '../../core/errors.ts'
import type { PutOptions } from '../blobs.ts'
import type { WritableFile } from '../files.ts'

/** Throws TOO_LARGE for more than `maxBytes`, where there is a limit. */
export function assertSize(bytes: number, maxBytes: number | undefined): void {
  if (maxBytes !== undefined && bytes > maxBytes)
    throw new GyreError('TOO_LARGE', `the blob has more than ${maxBytes} bytes`, { maxBytes })
}

/** Puts a stream on the disk and closes the file, whatever happens. */
export async function writeAll(
  file: WritableFile,
  source: AsyncIterable<Uint8Array> | Uint8Array,
  { expected, maxBytes }: PutOptions,
): Promise<{ digest: Digest; bytes: number }> {
  const hash = createHash('sha256')
  let bytes = 0
  try {
    for await (const chunk of source instanceof Uint8Array ? [source] : source) {
      bytes += chunk.byteLength
      assertSize(bytes, maxBytes)
      const written = file.write(chunk)
      // While the disk takes one chunk, this thread digests it.
      hash.update(chunk)
      await written
    }
    const digest: Digest = `sha256:${hash.digest('hex')}`
    if (expected !== undefined && expected !== digest)
      throw new GyreError('INVALID_ARGUMENT', `digest: expected ${expected}, got ${digest}`, {
        field: 'digest',
        expected,
        digest,
      })
    await file.datasync()
    return { digest, bytes }
  } finally {
    await file.close()
  }
}
