import type { IncomingMessage, ServerResponse } from 'node:http'
import { GyreError } from '../../core/errors.ts'
import { parseJson } from '../parse.ts'

/**
 * The JSON body of a raw request. Throws UNSUPPORTED_MEDIA_TYPE, TOO_LARGE past `maxBytes` (before it is read
 * where the length is declared), INVALID_ARGUMENT for what is not JSON, CANCELLED when the client leaves.
 */
export async function readJson(
  request: IncomingMessage,
  response: ServerResponse,
  maxBytes: number,
): Promise<unknown> {
  checkType(request)
  try {
    if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes)
    return parseJson(await readText(request, maxBytes))
  } catch (error) {
    // The rest of a body that is refused is not worth reading to keep the connection.
    if (!request.complete && !response.headersSent) response.setHeader('connection', 'close')
    throw error
  }
}

function checkType({ headers }: IncomingMessage): void {
  const type = headers['content-type'] ?? 'application/json'
  if (!type.startsWith('application/json'))
    throw new GyreError(
      'UNSUPPORTED_MEDIA_TYPE',
      `content-type: expected application/json, got ${type}`,
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

/** By events, not `for await`: a third of the cost on bodies of one chunk. */
function readText(request: IncomingMessage, maxBytes: number): Promise<string> {
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
      resolve((chunks.length === 1 && first ? first : Buffer.concat(chunks)).toString('utf8'))
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
