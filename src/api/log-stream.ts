import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { LogPage, LogPiece } from '@gyre/sdk/wire/log'
import type { Context } from '../core/context.ts'
import type { RunLogs } from '../store/run-logs.ts'

/** A comment every so often keeps proxies from closing a quiet stream. */
const HEARTBEAT_MS = 15_000

/** Sends what a run printed after so many characters, then what it prints, until no more can come or on `signal`. */
export async function streamLog(
  logs: RunLogs,
  ctx: Context,
  { run, after }: { readonly run: string; readonly after: number },
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  let page = await logs.read(ctx, run, after)
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
  response.write(': gyre\n\n')
  const heartbeat = setInterval(() => response.write(': \n\n'), HEARTBEAT_MS)
  try {
    while (!signal.aborted) {
      for (const piece of page.pieces)
        if (!response.write(formatPiece(piece))) await once(response, 'drain', { signal })
      if (page.pieces.length === 0 && !page.live)
        return void response.write('event: end\ndata: {}\n\n')
      page = await nextPage(logs, ctx, run, page.next, signal)
    }
  } catch (thrown) {
    if (!signal.aborted) throw thrown
  } finally {
    clearInterval(heartbeat)
    response.end()
  }
}

/** What follows, as soon as there may be something. */
async function nextPage(
  logs: RunLogs,
  ctx: Context,
  run: string,
  after: number,
  signal: AbortSignal,
): Promise<LogPage> {
  const found = new AbortController()
  // Asked before it is looked: what comes in between wakes it.
  const changed = logs.changed(run, AbortSignal.any([signal, found.signal]))
  const page = await logs.read(ctx, run, after)
  if (page.pieces.length === 0 && page.live) await changed
  found.abort()
  return page
}

/** Its id is where the next one begins. */
function formatPiece({ start, text }: LogPiece): string {
  return `id: ${start + text.length}\nevent: output\ndata: ${JSON.stringify({ start, text })}\n\n`
}
