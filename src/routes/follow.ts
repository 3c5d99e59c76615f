import { setTimeout as delay } from 'node:timers/promises'
import type { Log } from '../core/log.ts'
import type { Events } from '../store/events.ts'

const PAGE = 1_000

/** After a failure to read the log: long enough not to spin, short enough for a rollback elsewhere to be seen. */
const RETRY_MS = 250

export interface Following {
  readonly events: Events
  readonly types: readonly string[]
  /** Start behind this event. */
  readonly cursor: number
  readonly log: Log
  readonly signal: AbortSignal
}

/** Calls `onEvents` after each batch of commits that held one of `types`, until `signal`. Never rejects. */
export async function follow(
  { events, types, cursor, log, signal }: Following,
  onEvents: () => Promise<void>,
): Promise<void> {
  let seen = cursor
  while (!signal.aborted) {
    try {
      await events.wait(seen, signal)
      const page = await events.since(seen, PAGE)
      if (page.some((event) => types.includes(event.type))) await onEvents()
      seen = page.at(-1)?.seq ?? seen
    } catch (error) {
      if (signal.aborted) return
      log.error({ err: error }, 'could not read the event log; trying again')
      await delay(RETRY_MS, undefined, { signal }).catch(() => undefined)
    }
  }
}
