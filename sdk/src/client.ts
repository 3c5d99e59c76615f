import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { z } from 'zod'
import { RequestError } from './client/request-error.ts'
import { serverSentEvents } from './client/sse.ts'
import { createTransport, textOf, type TransportOptions } from './client/transport.ts'
import { Event } from './wire/event.ts'

/** What one call may carry besides its body. */
export interface CallOptions {
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

/** How a stream is asked for. */
export interface DownloadOptions extends CallOptions {
  /** GET unless told. */
  readonly method?: 'GET' | 'POST'
}

/** A running Gyre, over HTTP. Every call throws `RequestError` with the server's code when it is refused. */
export interface GyreClient {
  readonly url: string
  /** An answer that has not the shape of `reply` is refused as INTERNAL, as are those below. */
  get<T>(path: string, reply: z.ZodType<T>, options?: CallOptions): Promise<T>
  post<T>(path: string, body: unknown, reply: z.ZodType<T>, options?: CallOptions): Promise<T>
  delete<T>(path: string, reply: z.ZodType<T>, options?: CallOptions): Promise<T>
  /** Stores bytes under their digest; nothing is sent when the server has them. Gives the digest. */
  putBytes(bytes: Uint8Array): Promise<string>
  /** The same for a file, read twice: once for its digest. Throws what reading it throws. */
  putFile(path: string, onProgress?: (sentBytes: number) => void): Promise<string>
  /** Sends a file as it is. Throws what reading it throws. */
  upload(path: string, file: string): Promise<void>
  /** The response as a stream of bytes. */
  download(path: string, options?: DownloadOptions): Promise<IncomingMessage>
  /** Events after `cursor`, then each new one, until `signal`; reconnects where it stopped. */
  events(cursor: number, signal: AbortSignal): AsyncGenerator<Event>
  /** Ends every connection, those with a call under way too. */
  close(): void
}

/**
 * A client of the server at `url`; asks nothing until it is called. Close it, or its connections keep the process alive.
 * Throws TypeError where `url` is none.
 */
export function connect(options: TransportOptions): GyreClient {
  const transport = createTransport(options)

  async function json<T>(
    method: string,
    path: string,
    body: unknown,
    reply: z.ZodType<T>,
    more: CallOptions = {},
  ): Promise<T> {
    const response = await transport.call({
      method,
      path,
      ...more,
      ...(body === undefined
        ? {}
        : {
            body: JSON.stringify(body),
            headers: { 'content-type': 'application/json', ...more.headers },
          }),
    })
    return readReply(reply, await textOf(response), options.url)
  }

  async function has(digest: string): Promise<boolean> {
    const { present } = await json(
      'GET',
      `/api/v1/blobs/${digest}/present`,
      undefined,
      z.strictObject({ present: z.boolean() }),
    )
    return present
  }

  type Bytes = Uint8Array | ReturnType<typeof createReadStream>

  async function put(path: string, body: Bytes): Promise<void> {
    const headers = { 'content-type': 'application/octet-stream' }
    await textOf(await transport.call({ method: 'PUT', path, headers, body }))
  }

  async function putBlob(digest: string, body: Bytes): Promise<string> {
    await put(`/api/v1/blobs/${digest}`, body)
    return digest
  }

  return {
    url: options.url,
    get: (path, reply, more) => json('GET', path, undefined, reply, more),
    post: (path, body, reply, more) => json('POST', path, body, reply, more),
    delete: (path, reply, more) => json('DELETE', path, undefined, reply, more),
    async putBytes(bytes) {
      const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
      return (await has(digest)) ? digest : putBlob(digest, bytes)
    },
    async putFile(path, onProgress) {
      const hash = createHash('sha256')
      for await (const chunk of createReadStream(path))
        hash.update(z.instanceof(Uint8Array).parse(chunk))
      const digest = `sha256:${hash.digest('hex')}`
      if (await has(digest)) return digest
      const stream = createReadStream(path)
      if (onProgress) stream.on('data', () => onProgress(stream.bytesRead))
      return putBlob(digest, stream)
    },
    upload: (path, file) => put(path, createReadStream(file)),
    download: (path, more = {}) => transport.call({ method: 'GET', path, ...more }),
    async *events(cursor, signal) {
      let seen = cursor
      while (!signal.aborted) {
        try {
          const response = await transport.call({
            method: 'GET',
            path: `/api/v1/events?after=${seen}`,
            headers: { accept: 'text/event-stream' },
            signal,
          })
          for await (const { data } of serverSentEvents(response)) {
            const event = Event.parse(JSON.parse(data))
            seen = event.seq
            yield event
          }
        } catch (thrown) {
          if (signal.aborted) return
          if (thrown instanceof RequestError && thrown.status >= 400) throw thrown
        }
      }
    },
    close: () => transport.close(),
  }
}

/** Throws RequestError for an answer that Gyre of this version does not give. */
function readReply<T>(reply: z.ZodType<T>, text: string, url: string): T {
  try {
    return reply.parse(JSON.parse(text))
  } catch (cause) {
    throw new RequestError(
      'INTERNAL',
      0,
      `${url} gave an answer this version does not know; is it a Gyre of another version, or no Gyre at all?`,
      { reason: cause instanceof Error ? cause.message : String(cause) },
    )
  }
}

export { followLog } from './client/follow-log.ts'
export { throughOutage } from './client/outage.ts'
export { RequestError } from './client/request-error.ts'
export { search, type RunningTrial, type SearchOptions, type TrialResult } from './client/search.ts'
