import type { ReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { GyreError } from '../core/errors.ts'

/** The bytes of a file. Throws where there is none before it gives the stream, INVALID_ARGUMENT for a folder. */
export async function openArchive(path: string): Promise<ReadStream> {
  const handle = await open(path)
  if (!(await handle.stat()).isDirectory())
    return handle.createReadStream({ highWaterMark: 1024 * 1024 })
  await handle.close()
  throw new GyreError('INVALID_ARGUMENT', `${path}: expected a file, got a folder`, { path })
}
