import { GyreError } from '../core/errors.ts'

/** A few equal resources, handed to callers in the order they asked. */
export interface Pool<R> {
  /** Waits for a free resource and lends it to `work`. Throws OVERLOADED, CANCELLED while waiting. */
  use<T>(signal: AbortSignal, work: (resource: R) => Promise<T>): Promise<T>
  /** Refuses new callers and resolves when every resource is back. */
  close(): Promise<void>
}

interface Waiter<R> {
  resolve(resource: R): void
  reject(error: GyreError): void
}

export function createPool<R>(resources: readonly R[], maxQueued: number): Pool<R> {
  const free = [...resources]
  const waiting = new Set<Waiter<R>>()
  let onReturn: (() => void) | undefined
  let closed = false

  async function take(signal: AbortSignal): Promise<R> {
    if (closed) throw new GyreError('UNAVAILABLE', 'analytics is closed')
    if (signal.aborted) throw cancelled()
    const resource = free.pop()
    if (resource !== undefined) return resource
    if (waiting.size >= maxQueued)
      throw new GyreError('OVERLOADED', `${waiting.size} queries are waiting already`)
    return wait(signal)
  }

  async function wait(signal: AbortSignal): Promise<R> {
    let onAbort: (() => void) | undefined
    try {
      return await new Promise<R>((resolve, reject) => {
        const waiter = { resolve, reject }
        waiting.add(waiter)
        onAbort = () => {
          waiting.delete(waiter)
          reject(cancelled())
        }
        signal.addEventListener('abort', onAbort)
      })
    } finally {
      if (onAbort) signal.removeEventListener('abort', onAbort)
    }
  }

  function giveBack(resource: R): void {
    const [next] = waiting
    if (next) {
      waiting.delete(next)
      next.resolve(resource)
      return
    }
    free.push(resource)
    onReturn?.()
  }

  return {
    async use(signal, work) {
      const resource = await take(signal)
      try {
        return await work(resource)
      } finally {
        giveBack(resource)
      }
    },
    async close() {
      closed = true
      for (const waiter of waiting)
        waiter.reject(new GyreError('UNAVAILABLE', 'analytics is closed'))
      waiting.clear()
      while (free.length < resources.length)
        await new Promise<void>((resolve) => {
          onReturn = resolve
        })
    },
  }
}

function cancelled(): GyreError {
  return new GyreError('CANCELLED', 'the query was cancelled while it waited')
}
