import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Artifact } from '@gyre/sdk/wire/artifact'
import { errnoOf, GyreError } from '../core/errors.ts'
import type { ByteRange } from '../store/blobs.ts'
import { parseRange } from './range.ts'

export interface FileToSend extends Artifact {
  /** Its last name is what the client is told to call it. */
  readonly path: string
  read(range?: ByteRange): Promise<Readable>
}

/** Types in which no browser runs anything; every other one is sent as bytes. */
const PASSIVE =
  /^(?:text\/(?:plain|csv|markdown)|application\/(?:json|pdf|zip|gzip|x-tar)|image\/(?:png|jpeg|gif|webp|avif|bmp)|(?:audio|video)\/[\w.+-]+)$/

/**
 * Answers with a file or the range of it that was asked for, as an attachment: what was uploaded by one must not run
 * in the browser of another. Throws CANCELLED when the client leaves.
 */
export async function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  file: FileToSend,
): Promise<void> {
  const { bytes, digest, mediaType, path } = file
  const etag = `"${digest}"`
  const headers = {
    'content-type': PASSIVE.test(mediaType) ? mediaType : 'application/octet-stream',
    'content-disposition': attachment(path.slice(path.lastIndexOf('/') + 1)),
    'content-security-policy': "default-src 'none'; sandbox",
    'x-content-type-options': 'nosniff',
    'cache-control': 'private, no-cache',
    'accept-ranges': 'bytes',
    etag,
  }
  if (request.headers['if-none-match'] === etag) return end(response, 304, headers)
  const range = rangeOf(request, etag, bytes)
  if (range === 'unsatisfiable')
    return end(response, 416, { ...headers, 'content-range': `bytes */${bytes}` })
  const part = range === 'all' ? undefined : range
  const sized = { ...headers, 'content-length': part ? part.last - part.first + 1 : bytes }
  const told = part
    ? { ...sized, 'content-range': `bytes ${part.first}-${part.last}/${bytes}` }
    : sized
  const status = part ? 206 : 200
  if (request.method === 'HEAD') return end(response, status, told)
  const content = await file.read(part)
  response.writeHead(status, told)
  await send(content, response)
}

/** A range of another file than the client has begun is of no use to it. */
function rangeOf({ headers }: IncomingMessage, etag: string, bytes: number) {
  const begun = headers['if-range'] ?? etag
  return begun === etag ? parseRange(headers.range, bytes) : 'all'
}

function end(response: ServerResponse, status: number, headers: OutgoingHttpHeaders): void {
  response.writeHead(status, headers)
  response.end()
}

async function send(bytes: Readable, response: ServerResponse): Promise<void> {
  try {
    await pipeline(bytes, response)
  } catch (error) {
    if (errnoOf(error) !== 'ERR_STREAM_PREMATURE_CLOSE') throw error
    throw new GyreError('CANCELLED', 'the client left', {}, error)
  }
}

/** RFC 6266: the name as it is, and in ASCII for those who cannot read UTF-8. */
function attachment(name: string): string {
  const ascii = name.normalize('NFKD').replaceAll(/[^ -~]/g, '') || 'download'
  const filename = TOKEN.test(ascii) ? ascii : `"${ascii.replaceAll(/["\\]/g, '\\$&')}"`
  if (ascii === name) return `attachment; filename=${filename}`
  const encoded = encodeURIComponent(name).replaceAll(/['()*]/g, escapeByte)
  return `attachment; filename=${filename}; filename*=UTF-8''${encoded}`
}

/** What HTTP takes without quotes. */
const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/

function escapeByte(char: string): string {
  return `%${char.charCodeAt(0).toString(16).toUpperCase()}`
}
