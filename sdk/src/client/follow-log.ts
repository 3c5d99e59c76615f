import { setTimeout as delay } from 'node:timers/promises'
import type { GyreClient } from '../client.ts'
import { LogPiece } from '../wire/log.ts'
import { RequestError } from './request-error.ts'
import { serverSentEvents } from './sse.ts'

/** How soon a server that does not answer is asked again. */
const ASK_AGAIN_MS = 500

/**
 * What a run has printed, then what it prints, until no more can come or `signal` is aborted; goes on where it stopped
 * when the server was away. A gap between pieces was left out. Throws RequestError for a run that is not there.
 */
export async function* followLog(
  client: GyreClient,
  run: string,
  signal: AbortSignal,
): AsyncGenerator<LogPiece> {
  let after = 0
  while (!signal.aborted) {
    try {
      const path = `/api/v1/runs/${encodeURIComponent(run)}/log-stream?after=${after}`
      const response = await client.download(path, { signal })
      for await (const { event, data } of serverSentEvents(response)) {
        if (event === 'end') return
        const piece = LogPiece.parse(JSON.parse(data))
        after = piece.start + piece.text.length
        yield piece
      }
    } catch (thrown) {
      if (signal.aborted) return
      if (thrown instanceof RequestError && thrown.status >= 400) throw thrown
    }
    await delay(ASK_AGAIN_MS, undefined, { signal }).catch(() => undefined)
  }
}
