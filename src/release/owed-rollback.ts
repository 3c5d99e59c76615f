import type { Context } from '../core/context.ts'
import { GyreError, toGyreError, type ErrorCode } from '../core/errors.ts'
import type { Log } from '../core/log.ts'
import type { Grounds } from './moves.ts'

/** Between two attempts to write a rollback down that is in force already. */
const RETRY_MS = 1_000

/** Errors that say "not now", whatever was asked. */
const UNWRITABLE: ReadonlySet<ErrorCode> = new Set([
  'DISK_FULL',
  'FOLDER_NOT_WRITABLE',
  'OVERLOADED',
  'TIMEOUT',
  'UNAVAILABLE',
])

export interface OwedDeps {
  readonly log: Log
  /** Sends all traffic to the stable arm, in memory only. */
  readonly returnToStable: (project: string, endpoint: string) => void
  /** Takes the canary back in the catalog; does nothing when none is open any more. */
  readonly write: (ctx: Context, endpoint: string, grounds: Grounds) => Promise<void>
}

export interface OwedRollbacks {
  /**
   * Writes a rollback down. Where the catalog cannot be written, traffic returns to stable in memory, the
   * writing is tried again until it succeeds, and the catalog's error is thrown with that news.
   */
  takeBack(ctx: Context, endpoint: string, grounds: Grounds): Promise<void>
  close(): void
}

/** Keeps "safety first, audit later" for the one act that may: taking a canary back. */
export function createOwedRollbacks({ log, returnToStable, write }: OwedDeps): OwedRollbacks {
  const owed = new Map<string, () => Promise<void>>()
  let timer: NodeJS.Timeout | undefined

  function startTimer(): void {
    timer ??= setTimeout(() => void retry(), RETRY_MS)
    timer.unref()
  }

  async function retry(): Promise<void> {
    timer = undefined
    for (const [key, attempt] of owed)
      try {
        await attempt()
        owed.delete(key)
      } catch (error) {
        if (!isUnwritable(error)) owed.delete(key)
        log.error({ err: error }, 'a rollback in force still waits to be written down')
      }
    if (owed.size > 0) startTimer()
  }

  return {
    async takeBack(ctx, endpoint, grounds) {
      try {
        await write(ctx, endpoint, grounds)
      } catch (error) {
        if (!isUnwritable(error)) throw error
        returnToStable(ctx.project, endpoint)
        owed.set(`${ctx.project}/${endpoint}`, () => write(ctx, endpoint, grounds))
        startTimer()
        throw inForce(endpoint, error)
      }
    },
    close: () => clearTimeout(timer),
  }
}

function isUnwritable(error: unknown): boolean {
  return error instanceof GyreError && UNWRITABLE.has(error.code)
}

function inForce(endpoint: string, error: unknown): GyreError {
  const { code, message } = toGyreError(error)
  return new GyreError(
    code,
    `${endpoint}: all traffic is back on the stable version, but this could not be written down yet: ${message}`,
    { endpoint, inForce: true },
    error,
  )
}
