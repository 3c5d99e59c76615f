import { GyreError } from '../core/errors.ts'
import type { Catalog } from './catalog.ts'

/** Another process's events are seen this late at the most; our own are hinted at by the commit. */
const POLL_MS = 1_000

/** The newest committed event's number, for those who wait for it to move. */
export interface EventHead {
  /** An event was appended in the unit under way: look after its commit. */
  appended(): void
  /** Resolves when the head is past `cursor`; throws CANCELLED on `signal`. */
  wait(cursor: number, signal: AbortSignal): Promise<void>
}

interface Waiter {
  readonly cursor: number
  resolve(): void
  reject(error: unknown): void
}

export function createEventHead(catalog: Catalog): EventHead {
  const waiters = new Set<Waiter>()
  let hinted = false
  let poll: NodeJS.Timeout | undefined

  async function look(): Promise<void> {
    if (waiters.size === 0) return
    try {
      const { seq } = await catalog.read
        .selectFrom('events')
        .select((eb) => eb.fn.coalesce(eb.fn.max('seq'), eb.lit(0)).as('seq'))
        .executeTakeFirstOrThrow()
      for (const waiter of waiters) if (waiter.cursor < seq) waiter.resolve()
    } catch (error) {
      for (const waiter of waiters) waiter.reject(error)
    }
  }

  function keepPolling(): void {
    if (waiters.size > 0) poll ??= setInterval(() => void look(), POLL_MS).unref()
    else {
      clearInterval(poll)
      poll = undefined
    }
  }

  return {
    appended() {
      if (hinted) return
      hinted = true
      void catalog.nextCommit().then(() => {
        hinted = false
        return look()
      })
    },
    async wait(cursor, signal) {
      if (signal.aborted) throw cancelled()
      let waiter: Waiter | undefined
      let onAbort: (() => void) | undefined
      try {
        await new Promise<void>((resolve, reject) => {
          waiter = { cursor, resolve, reject }
          onAbort = () => reject(cancelled())
          waiters.add(waiter)
          signal.addEventListener('abort', onAbort)
          keepPolling()
          void look()
        })
      } finally {
        if (waiter) waiters.delete(waiter)
        if (onAbort) signal.removeEventListener('abort', onAbort)
        keepPolling()
      }
    },
  }
}

function cancelled(): GyreError {
  return new GyreError('CANCELLED', 'the wait for events was cancelled')
}
