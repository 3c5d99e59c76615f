import type { IncomingMessage, ServerResponse } from 'node:http'
import { promisify } from 'node:util'
import { gunzip, inflate } from 'node:zlib'
import { errnoOf, GyreError } from '../core/errors.ts'
import { readWhole } from './body.ts'

const UNPACK = { gzip: promisify(gunzip), deflate: promisify(inflate) } as const

/**
 * The bytes of a raw request, unpacked where it says that they are packed. Throws UNSUPPORTED_MEDIA_TYPE for another
 * packing, TOO_LARGE past `maxBytes` packed or unpacked, INVALID_ARGUMENT, CANCELLED when the client leaves.
 */
export async function readPacked(
  request: IncomingMessage,
  response: ServerResponse,
  maxBytes: number,
): Promise<Buffer> {
  const encoding = request.headers['content-encoding'] ?? 'identity'
  if (encoding !== 'gzip' && encoding !== 'deflate' && encoding !== 'identity')
    throw new GyreError(
      'UNSUPPORTED_MEDIA_TYPE',
      `content-encoding: expected gzip, deflate or none, got ${encoding}`,
      { field: 'content-encoding' },
    )
  const body = await readWhole(request, response, maxBytes)
  if (encoding === 'identity') return body
  try {
    return await UNPACK[encoding](body, { maxOutputLength: maxBytes })
  } catch (cause) {
    if (errnoOf(cause) === 'ERR_BUFFER_TOO_LARGE')
      throw new GyreError('TOO_LARGE', `body: expected at most ${maxBytes} bytes unpacked`)
    throw new GyreError(
      'INVALID_ARGUMENT',
      `body: this is no ${encoding}`,
      { field: 'body' },
      cause,
    )
  }
}
