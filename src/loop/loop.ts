import { setTimeout as delay } from 'node:timers/promises'
import type { Retrain } from '@gyre/sdk/wire/trigger'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import { assertNotFuture } from '../core/future.ts'
import type { Log } from '../core/log.ts'
import { createTurns } from '../core/turns.ts'
import type { Pipelines } from '../pipelines/pipelines.ts'
import type { Leases } from '../store/lease.ts'
import { createAlone } from './alone.ts'
import { createWalker, type Guard, type PassDeps } from './pass.ts'
import { listRetrains, loadOpen } from './retrain-row.ts'

export interface LoopDeps extends Omit<PassDeps, 'pipelines'> {
  readonly leases: Leases
  readonly log: Log
  readonly pipelines: PassDeps['pipelines'] & Pick<Pipelines, 'ended'>
  /** Names this server among those that may run the loop. */
  readonly holder: string
}

/** Event → pipeline → gate → release, unattended. It starts pipelines and trains nothing itself. */
export interface Loop {
  /** Goes on where it stood and keeps going; idle, it looks at memory once a second. */
  start(): void
  /**
   * Does everything there is to do by event time `at`: windows judged, triggers fired, the pipelines they
   * started ended, releases opened, the open canary analysed. For replays. Throws CANCELLED on `signal`,
   * INVALID_ARGUMENT for an `at` in the future, and NOT_FOUND for an unknown endpoint.
   */
  settle(ctx: Context, endpoint: string, at: Date, signal: AbortSignal): Promise<void>
  /** An endpoint's event time: its traffic's, or as far as `settle` was told it has come; undefined before either. */
  eventTime(ctx: Context, endpoint: string): Promise<Date | undefined>
  /** Every firing and what became of it, oldest first; of one endpoint when given. */
  retrains(ctx: Context, endpoint?: string): Promise<readonly Retrain[]>
  close(): Promise<void>
}

/** Event time moves without events: this often it is looked at. */
const TICK_MS = 1_000

/** Labels are counted by reading the feedback: not at every tick. */
const LABELS_EVERY_TICKS = 10

/** While another server walks the loop, or a pipeline's end cannot be waited for. */
const RETRY_MS = 250

export function createLoop(deps: LoopDeps): Loop {
  const { catalog, events, leases, log, pipelines, holder } = deps
  const walker = createWalker(deps)
  const alone = createAlone(leases, 'loop', holder)
  const turns = createTurns()
  const stopping = new AbortController()
  let running = Promise.resolve()
  /** A step of the pass under way failed. */
  let hasFailed = false

  const walkAlone = (guard: Guard, countLabels: boolean, everywhere: boolean) =>
    turns('loop', () => alone(() => walker.pass({ guard, countLabels, everywhere })))

  const logged: Guard = async (work) => {
    try {
      return await work()
    } catch (error) {
      hasFailed = true
      if (!stopping.signal.aborted) log.error({ err: error }, 'the loop goes on without one step')
      return false
    }
  }

  /** Resolves at the next event or tick; true for an event. */
  async function news(): Promise<boolean> {
    const enough = new AbortController()
    const signal = AbortSignal.any([stopping.signal, enough.signal])
    const event = events.wait(walker.position(), signal).then(() => true)
    const tick = delay(TICK_MS, false, { signal })
    try {
      return await Promise.race([event, tick])
    } catch {
      return false
    } finally {
      enough.abort()
      await Promise.allSettled([event, tick])
    }
  }

  /** False when it must be tried again: another server was at it, or a step failed. */
  async function walkInBackground(countLabels: boolean): Promise<boolean> {
    hasFailed = false
    const walked = await logged(async () => {
      return (await walkAlone(logged, countLabels, false)) !== undefined
    })
    return walked && !hasFailed
  }

  async function run(): Promise<void> {
    let isDue = true
    for (let tick = 0; !stopping.signal.aborted; tick++) {
      if (isDue || (await logged(() => walker.hasMoved())))
        isDue = !(await walkInBackground(tick % LABELS_EVERY_TICKS === 0))
      // What failed would fail again at once: the next tick is soon enough, whatever happens.
      if (isDue) await delay(TICK_MS, undefined, { signal: stopping.signal }).catch(() => undefined)
      else isDue = await news()
    }
  }

  async function waitForPipelines(ctx: Context, endpoint: string, signal: AbortSignal) {
    const open = await loadOpen(catalog.read)
    const mine = open.filter((one) => one.project === ctx.project && one.endpoint === endpoint)
    const busy = mine.filter(({ state }) => state === 'fired' || state === 'training')
    for (const { pipelineRun } of busy) {
      const ended =
        pipelineRun !== null && (await orCancelled(pipelines.ended(ctx, pipelineRun), signal))
      if (!ended || ended.status === 'running') await orCancelled(delay(RETRY_MS), signal)
    }
    return busy.length > 0
  }

  return {
    start() {
      running = run()
    },

    async settle(ctx, endpoint, at, signal) {
      await deps.routes.get(ctx, endpoint)
      assertNotFuture(at, 'at', deps.clock)
      walker.reach(ctx, endpoint, at)
      for (;;) {
        if (signal.aborted) throw cancelled()
        const walked = await walkAlone(strict, true, true)
        if (!walked) await orCancelled(delay(RETRY_MS), signal)
        else if (!walked.value && !(await waitForPipelines(ctx, endpoint, signal))) break
      }
    },

    async eventTime(ctx, endpoint) {
      const ms = await walker.watermarkMs(ctx, endpoint)
      return ms === undefined ? undefined : new Date(ms)
    },

    retrains: (ctx, endpoint) => listRetrains(catalog.read, ctx, endpoint),

    async close() {
      stopping.abort()
      await running
    },
  }
}

/** A failure ends the pass and goes to whoever asked for it. */
const strict: Guard = (work) => work()

async function orCancelled<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let stop: (() => void) | undefined
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(cancelled())
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    if (stop) signal.removeEventListener('abort', stop)
  }
}

function cancelled(): GyreError {
  return new GyreError('CANCELLED', 'settling was cancelled')
}
