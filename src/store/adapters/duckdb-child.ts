import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { Clock } from '../../core/clock.ts'
import { childEnvironment } from '../../core/config.ts'
import { GyreError, isErrorCode } from '../../core/errors.ts'
import type { Log } from '../../core/log.ts'
import { siblingUrl, spawnProcess } from '../../core/spawn.ts'
import type { AnalyticsOptions, Parameter } from '../analytics.ts'
import type { Answer, Request, Response } from './duckdb-protocol.ts'

/** A query that has not stopped this long after its abort never will; the process goes. */
const ABORT_GRACE_MS = 5_000

/** Wait after the n-th crash in a row: none, 0.2 s, 0.4 s … at most 10 s. */
const FIRST_BACKOFF_MS = 200
const MAX_BACKOFF_MS = 10_000

/** A process that nobody has asked for so long ends: idle it holds 150 MB, and half a second starts another. */
const IDLE_MS = 60_000

export interface DuckDbChildDeps {
  readonly clock: Clock
  readonly log: Log
  readonly idleMs?: number
  /** How a process is started, for a test that wants to kill it. */
  readonly spawn?: typeof spawnProcess
}

export type Ask =
  | {
      readonly verb: 'query' | 'columns'
      readonly sql: string
      readonly params: readonly Parameter[]
    }
  | { readonly verb: 'exec'; readonly sql: string }

/** The process that has DuckDB: started by the first question, and again by the next one after a crash. */
export interface DuckDbChild {
  /** Throws UNAVAILABLE when the process died, or died too often just now. */
  ask(request: Ask, signal: AbortSignal): Promise<Answer>
  close(): Promise<void>
}

interface Pending {
  resolve(answer: Answer): void
  reject(error: GyreError): void
}

export function createDuckDbChild(
  options: AnalyticsOptions,
  { clock, log, idleMs = IDLE_MS, spawn = spawnProcess }: DuckDbChildDeps,
): DuckDbChild {
  const pending = new Map<number, Pending>()
  let child: ChildProcess | undefined
  let closed = false
  let nextId = 0
  let crashes = 0
  let restartAtMs = 0
  let idling: NodeJS.Timeout | undefined
  /** The end of the process before this one. */
  let left: Promise<unknown> = Promise.resolve()

  /** Lets the process go, which ends it. */
  function leave(): void {
    const leaving = child
    if (!leaving) return
    child = undefined
    left = once(leaving, 'exit')
    leaving.disconnect()
  }

  function start(): ChildProcess {
    const waitMs = restartAtMs - clock.monotonicMs()
    if (waitMs > 0)
      throw unavailable(
        `analytics crashed ${crashes} times in a row: again in ${Math.ceil(waitMs)} ms`,
      )
    const started = spawn(
      siblingUrl('./duckdb-process', import.meta.url),
      [JSON.stringify(options)],
      { env: childEnvironment(), stdio: ['ignore', 'ignore', 'inherit', 'ipc'] },
    )
    started.on('message', onResponse)
    started.on('error', (cause) => lose(started, 'analytics could not start', cause))
    started.on('exit', (code, signal) => lose(started, `analytics died (${signal ?? code})`))
    child = started
    return started
  }

  function lose(lost: ChildProcess, why: string, cause?: unknown): void {
    if (child !== lost) return
    child = undefined
    restartAtMs = clock.monotonicMs() + backoffMs(crashes)
    crashes += 1
    if (!closed) log.error({ crashes }, why)
    for (const call of pending.values()) call.reject(unavailable(why, cause))
    pending.clear()
  }

  function onResponse(response: Response): void {
    crashes = 0
    const call = pending.get(response.id)
    pending.delete(response.id)
    if (response.ok) call?.resolve(response.answer)
    else call?.reject(toError(response.code, response.message))
  }

  return {
    async ask(request, signal) {
      if (closed) throw unavailable('analytics is closed')
      if (signal.aborted) throw new GyreError('CANCELLED', 'the query was cancelled')
      clearTimeout(idling)
      const running = child ?? start()
      const id = nextId++
      let grace: NodeJS.Timeout | undefined
      const abort = () => {
        running.send({ verb: 'abort', id } satisfies Request)
        grace = setTimeout(() => running.kill('SIGKILL'), ABORT_GRACE_MS)
      }
      signal.addEventListener('abort', abort)
      try {
        return await new Promise<Answer>((resolve, reject) => {
          pending.set(id, { resolve, reject })
          running.send({ ...request, id } satisfies Request)
        })
      } finally {
        clearTimeout(grace)
        signal.removeEventListener('abort', abort)
        if (pending.size === 0) idling = setTimeout(leave, idleMs).unref()
      }
    },
    async close() {
      closed = true
      clearTimeout(idling)
      leave()
      await left
      for (const call of pending.values()) call.reject(unavailable('analytics is closed'))
      pending.clear()
    },
  }
}

function backoffMs(crashes: number): number {
  return crashes === 0 ? 0 : Math.min(FIRST_BACKOFF_MS * 2 ** (crashes - 1), MAX_BACKOFF_MS)
}

function toError(code: string, message: string): GyreError {
  return new GyreError(isErrorCode(code) ? code : 'INTERNAL', message)
}

function unavailable(message: string, cause?: unknown): GyreError {
  return new GyreError('UNAVAILABLE', message, {}, cause)
}
