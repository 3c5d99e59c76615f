import type { ServerResponse } from 'node:http'
import type { Event } from '@gyre/sdk/wire/event'
import { GyreError } from '../core/errors.ts'
import type { Events } from '../store/events.ts'

/** Events read from the log at a time. */
const PAGE = 200
/** A comment every so often keeps proxies from closing a quiet stream. */
const HEARTBEAT_MS = 15_000
/** A client that has not taken this much is dropped; it comes back with its last event id. */
const MAX_BUFFERED_BYTES = 1_048_576

/** Sends every event after `cursor`, then each new one as it is committed, until `signal`. */
export async function streamEvents(
  events: Events,
  project: string,
  cursor: number,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
  response.write(': gyre\n\n')
  const heartbeat = setInterval(() => response.write(': \n\n'), HEARTBEAT_MS)
  let seen = cursor
  try {
    while (!signal.aborted) {
      const page = await events.since(seen, PAGE)
      for (const event of page) {
        seen = event.seq
        if (event.project === project) response.write(formatEvent(event))
      }
      if (response.writableLength > MAX_BUFFERED_BYTES) return
      if (page.length < PAGE) await events.wait(seen, signal)
    }
  } catch (thrown) {
    if (!(thrown instanceof GyreError) || thrown.code !== 'CANCELLED') throw thrown
  } finally {
    clearInterval(heartbeat)
    response.end()
  }
}

function formatEvent(event: Event): string {
  return `id: ${event.seq}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`
}
