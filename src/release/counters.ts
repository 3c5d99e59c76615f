import type { Log } from '../core/log.ts'
import type { Catalog } from '../store/catalog.ts'
import { addTally } from './counter-rows.ts'
import { createTally, type Cell, type Outcome, type Tally } from './outcome-tally.ts'

/** At most this long, and this many outcomes, between a request and its place in the catalog. */
const FLUSH_MS = 1_000
const FLUSH_OUTCOMES = 5_000

export interface CountersDeps {
  readonly catalog: Catalog
  readonly log: Log
  /** Names this server's rows among those of others. */
  readonly writer: string
  /** Called after each flush with the endpoints that were counted; must neither throw nor flush. */
  readonly onFlushed: (flushed: readonly Flushed[]) => Promise<void>
}

export interface Flushed {
  readonly project: string
  readonly endpoint: string
  readonly releaseId: string
  /** Outcomes not yet in the catalog: it refused them, and they will be offered again. */
  readonly unwritten: readonly Cell[]
}

/** Counts outcomes of requests under open canaries: in memory at once, in the catalog soon after. */
export interface Counters {
  /** Costs a map look-up; never throws and never waits. */
  count(outcome: Outcome): void
  /** Resolves when every outcome counted before the call is in the catalog. Throws what the catalog threw. */
  flush(): Promise<void>
  /** Flushes for the last time; what cannot be written is lost. */
  close(): Promise<void>
}

export function createCounters({ catalog, log, writer, onFlushed }: CountersDeps): Counters {
  let pending = createTally()
  let timer: NodeJS.Timeout | undefined
  let last: Promise<void> = Promise.resolve()
  let closed = false
  /** The catalog refused the last flush: only the timer tries again, whatever comes in. */
  let refused = false

  function startTimer(): void {
    if (closed || timer) return
    timer = setTimeout(flushAndForget, FLUSH_MS)
    timer.unref()
  }

  function flushAndForget(): void {
    flush().catch((error: unknown) =>
      log.error({ err: error }, 'canary counters wait to be written'),
    )
  }

  /** One after the other, so that additions never overtake each other. */
  function flush(): Promise<void> {
    clearTimeout(timer)
    timer = undefined
    last = last.then(writePending, writePending)
    return last
  }

  async function writePending(): Promise<void> {
    const batch = pending
    if (batch.outcomes() === 0) return
    pending = createTally()
    try {
      await catalog.write((tx) => addTally(tx, writer, batch))
    } catch (error) {
      refused = true
      pending.merge(batch)
      startTimer()
      await onFlushed(flushedOf(pending, true))
      throw error
    }
    refused = false
    await onFlushed(flushedOf(batch, false))
  }

  return {
    count(outcome) {
      if (closed) return
      pending.add(outcome)
      const isUrgent = outcome.failed || pending.outcomes() >= FLUSH_OUTCOMES
      if (isUrgent && !refused) flushAndForget()
      else startTimer()
    },
    flush,
    async close() {
      closed = true
      await flush().catch((error: unknown) => log.error({ err: error }, 'canary counters are lost'))
    },
  }
}

function flushedOf(tally: Tally, failed: boolean): Flushed[] {
  return tally.releases().map(({ project, endpoint, releaseId, cells }) => ({
    project,
    endpoint,
    releaseId,
    unwritten: failed ? cells : [],
  }))
}
