import type { IncomingMessage, ServerResponse } from 'node:http'
import { GyreError } from '../core/errors.ts'
import { parseJson } from './parse.ts'

/**
 * The JSON body of a raw request. Throws UNSUPPORTED_MEDIA_TYPE, TOO_LARGE past `maxBytes` (before it is read
 * where the length is declared), INVALID_ARGUMENT for what is not JSON in UTF-8, CANCELLED when the client leaves.
 */
export async function readJson(
  request: IncomingMessage,
  response: ServerResponse,
  maxBytes: number,
): Promise<unknown> {
  checkJsonType(request)
  return parseJson(decodeUtf8(await readWhole(request, response, maxBytes)))
}

/**
 * The bytes of a raw request. Throws TOO_LARGE past `maxBytes` (before they are read where the length is declared),
 * CANCELLED when the client leaves.
 */
export async function readWhole(
  request: IncomingMessage,
  response: ServerResponse,
  maxBytes: number,
): Promise<Buffer> {
  try {
    if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes)
    return await readBytes(request, maxBytes)
  } catch (error) {
    // The rest of a body that is refused is not worth reading to keep the connection.
    if (!request.complete && !response.headersSent) response.setHeader('connection', 'close')
    throw error
  }
}

/** `application/json` and nothing said of a charset but that it is UTF-8, the one that JSON has (RFC 8259). */
const JSON_TYPE = /^application\/json\s*(;\s*charset\s*=\s*"?utf-?8"?\s*)?;?$/i

/** Throws UNSUPPORTED_MEDIA_TYPE unless the body is said to be JSON in UTF-8, as it is. */
export function checkJsonType({ headers }: Pick<IncomingMessage, 'headers'>): void {
  const type = headers['content-type'] ?? 'none'
  if (type !== 'application/json' && !JSON_TYPE.test(type))
    throw new GyreError(
      'UNSUPPORTED_MEDIA_TYPE',
      `content-type: expected application/json, in UTF-8, got ${type}`,
      { field: 'content-type' },
    )
  const encoding = headers['content-encoding'] ?? 'identity'
  if (encoding !== 'identity')
    throw new GyreError(
      'UNSUPPORTED_MEDIA_TYPE',
      `content-encoding: expected none, got ${encoding}`,
      { field: 'content-encoding' },
    )
}

/** As fast as `toString`, which would put U+FFFD where bytes are none: 61 ns a request, and 270 µs for 360 KiB. */
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The text of a body. Throws INVALID_ARGUMENT where the bytes are not UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return UTF8.decode(bytes)
  } catch (cause) {
    throw new GyreError('INVALID_ARGUMENT', 'body: not UTF-8', { field: 'body' }, cause)
  }
}

/** The whole body as text. Throws TOO_LARGE past `maxBytes`, INVALID_ARGUMENT, CANCELLED when the client leaves. */
export async function readText(request: IncomingMessage, maxBytes: number): Promise<string> {
  return decodeUtf8(await readBytes(request, maxBytes))
}

/** By events, not `for await`: a third of the cost on bodies of one chunk. */
function readBytes(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes <= maxBytes) chunks.push(chunk)
      else reject(tooLarge(maxBytes))
    })
    request.on('end', () => {
      const [first] = chunks
      resolve(chunks.length === 1 && first ? first : Buffer.concat(chunks))
    })
    request.on('close', () => {
      if (!request.complete) reject(new GyreError('CANCELLED', 'the client left'))
    })
    request.on('error', reject)
  })
}

function tooLarge(maxBytes: number): GyreError {
  return new GyreError('TOO_LARGE', `body: expected at most ${maxBytes} bytes`, {
    field: 'body',
    maxBytes,
  })
}
