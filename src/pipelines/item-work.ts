import type { ItemEnd, ItemExchange, ItemWork } from '@gyre/sdk/wire/step'
import type { Resources } from '@gyre/sdk/wire/resources'
import type { RetryPolicy } from '@gyre/sdk/wire/retries'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { JobEnd, RunningJob } from '../exec/exec.ts'
import { itemSeed, type ItemInputs } from './item-inputs.ts'
import { createItemQueue, type OpenItem } from './item-queue.ts'
import { describeEnd, endCode, processEnd } from './job-end.ts'
import { attemptName, leaseName, type LeasedStep } from './leased-step.ts'
import type { AttemptDeps } from './step-attempt.ts'
import { isRetried, retryWaitMs } from './retry.ts'
import { failItem, giveBackItems, keepItems, leaseItems } from './step-items.ts'
import type { StepFailure } from './step-store.ts'

export type ItemWorkDeps = Omit<AttemptDeps, 'builtins' | 'code'>

/** A process takes no more items after so long, and its pass holds as long as it may need. */
const WORKER_LIFE_MS = 60 * 60_000
/** What a process whose item is out of time gets between SIGTERM and SIGKILL. */
const GRACE_MS = 5_000
/** After so many failed items no other one begins: what is wrong is not the items. */
const MAX_FAILED = 100

interface Plan {
  readonly items: ItemInputs
  readonly seed: number
  readonly open: readonly OpenItem[]
  readonly concurrency: number
  /** Of each item; attempts that went down with their server do not count. */
  readonly retries: RetryPolicy
  /** For one item. */
  readonly timeoutMs: number
  /** Of each process. */
  readonly resources: Resources | undefined
  /** Items that have failed for good; grows. */
  readonly failed: Map<number, StepFailure>
  readonly stopping: AbortSignal
}

/** One process and the items it has, in the order in which it does them. */
interface Worker {
  readonly id: string
  readonly job: RunningJob
  readonly startedMs: number
  holds: readonly OpenItem[]
  /** It has asked for items. */
  isKnown: boolean
  /** It hands in what it has done, and gets nothing more. */
  isRetired: boolean
  isLate: boolean
  timer: NodeJS.Timeout | undefined
  /** The exchange under way. */
  exchanging: Promise<unknown> | undefined
  /** Resolves once its process has ended, and what it had waits again. */
  ended: Promise<void>
}

/** Keeps as many processes at the items of a step as it may have, until every item is done or has failed. */
export function createItemWork(
  deps: ItemWorkDeps,
  ctx: Context,
  step: LeasedStep,
  plan: Plan,
): { done(): Promise<void> } {
  const { catalog, leases, runs, clock, exec } = deps
  const key = { pipelineRunId: step.pipeline_run_id, step: step.step, fence: step.fence }
  const name = attemptName(key)
  const queue = createItemQueue(plan.open)
  const workers = new Map<string, Worker>()
  const log = deps.logs.write(ctx, step.run_id)
  let started = 0
  /** Items that wait for their next attempt. */
  let resting = 0
  let isOver = false
  let settle: { resolve(): void; reject(error: unknown): void } | undefined

  /** Starts processes while there is something for them to do, and tells when there is nothing more. */
  function tend(): void {
    if (isOver) return
    if (plan.failed.size >= MAX_FAILED) queue.drop()
    const busy = [...workers.values()].filter(isBusy).length
    if (plan.stopping.aborted || (queue.size === 0 && busy + resting === 0)) return wind()
    try {
      while (workers.size < Math.min(plan.concurrency, busy + queue.size)) start()
    } catch (error) {
      if (workers.size === 0) settle?.reject(error)
    }
  }

  /** Lets the processes that have nothing to do end, and is done when they have. */
  function wind(): void {
    for (const { job } of workers.values()) job.cancel(GRACE_MS)
    if (workers.size > 0) return
    if (plan.stopping.aborted) settle?.reject(new GyreError('UNAVAILABLE', 'the server stops'))
    else settle?.resolve()
  }

  function start(): void {
    const id = `w${++started}`
    const timeoutMs = WORKER_LIFE_MS + plan.timeoutMs
    const job = exec.start({
      name: `${name}/${id}`,
      timeoutMs,
      resources: plan.resources,
      environment: () => ({
        ...deps.environment(ctx, { name, timeoutMs }),
        GYRE_PIPELINE_RUN: key.pipelineRunId,
        GYRE_STEP: key.step,
        GYRE_FENCE: String(key.fence),
        GYRE_WORKER: id,
      }),
      output: (text) => log.add(text),
    })
    const worker: Worker = {
      id,
      job,
      startedMs: performance.now(),
      holds: [],
      isKnown: false,
      isRetired: false,
      isLate: false,
      timer: undefined,
      exchanging: undefined,
      ended: Promise.resolve(),
    }
    workers.set(id, worker)
    worker.ended = watch(worker).catch((error: unknown) => settle?.reject(error))
  }

  async function watch(worker: Worker): Promise<void> {
    const { end, tail } = await deps.processes.ended(worker.job)
    await worker.exchanging?.catch(() => undefined)
    clearTimeout(worker.timer)
    workers.delete(worker.id)
    if (isOver || plan.stopping.aborted) await giveBack(worker)
    else {
      const isDone = queue.size === 0 && worker.holds.length === 0
      if (!worker.isKnown && !isDone) throw new GyreError('STEP_FAILED', account(end, tail))
      await takeFrom(worker, end, tail)
    }
    tend()
  }

  /** The step stops: what its process had is for whoever does the step next. */
  async function giveBack(worker: Worker): Promise<void> {
    const { holds } = worker
    worker.holds = []
    if (holds.length === 0) return
    await catalog.write(async (tx) => {
      await leases.assertHeld(tx, leaseName(step), step.fence)
      await giveBackItems(tx, step, numbers(holds))
    })
  }

  /**
   * What a process that has ended still had: its own end is the end of the item that it was at. Of several nobody
   * knows which that was, for what was done may not have been told yet.
   */
  async function takeFrom(worker: Worker, end: JobEnd, tail: string): Promise<void> {
    const [first, ...rest] = worker.holds
    worker.holds = []
    if (!first) return
    const isKnown = rest.length === 0
    const message = worker.isLate
      ? [`took longer than its time-out`, tail].filter((part) => part !== '').join('\n')
      : account(end, tail)
    const error = {
      code: worker.isLate ? 'TIMEOUT' : endCode(end),
      message,
      ...processEnd(end),
    }
    await catalog.write(async (tx) => {
      await leases.assertHeld(tx, leaseName(step), step.fence)
      if (isKnown) await failItem(tx, step, first.item, stateAfter(first, error), error)
      else await giveBackItems(tx, step, numbers([first, ...rest]))
    })
    if (isKnown) judge(first, error)
    else queue.suspect([first, ...rest].map(unbegun))
  }

  /** Whether an item that failed just now is tried again. */
  function stateAfter({ attempt, lost }: OpenItem, error: StepFailure): 'failed' | 'pending' {
    return isRetried(plan.retries, attempt - lost, error) ? 'pending' : 'failed'
  }

  function judge(item: OpenItem, error: StepFailure): void {
    if (stateAfter(item, error) === 'failed') plan.failed.set(item.item, error)
    else void addLater(item)
  }

  /** An item waits for its retry as long as this server lives: its successor tries it at once. */
  async function addLater(item: OpenItem): Promise<void> {
    const drawn = `${name}/${item.item}/${item.attempt}`
    const waitMs = retryWaitMs(plan.retries, item.attempt - item.lost, drawn)
    if (waitMs > 0) {
      resting++
      await deps.sleep(waitMs, plan.stopping)
      resting--
    }
    queue.add([item])
    if (waitMs > 0) tend()
  }

  async function exchange(request: ItemExchange): Promise<readonly ItemWork[]> {
    const worker = workers.get(request.worker)
    const held = new Map(worker?.holds.map((each) => [each.item, each]))
    const stranger = request.ended.find(({ item, fence }) => held.get(item)?.fence !== fence)
    if (!worker || worker.isRetired || stranger)
      throw new GyreError('FENCED', `${request.worker} of ${name} no longer has these items`, {
        worker: request.worker,
      })
    const answer = swap(worker, request, held)
    worker.exchanging = answer
    try {
      return await answer
    } finally {
      worker.exchanging = undefined
      tend()
    }
  }

  async function swap(
    worker: Worker,
    { ended, want }: ItemExchange,
    held: ReadonlyMap<number, OpenItem>,
  ): Promise<readonly ItemWork[]> {
    clearTimeout(worker.timer)
    const over = new Set(ended.map(({ item }) => item))
    const left = worker.holds.filter(({ item }) => !over.has(item))
    const failed = ended.filter((end) => end.status === 'failed')
    // Who knows what an item that failed has left behind in its process.
    const isRetired = failed.length > 0 || performance.now() - worker.startedMs > WORKER_LIFE_MS
    const most = isRetired || plan.stopping.aborted ? 0 : want
    const next = queue.take(most, workers.size, left.length === 0)
    const states = failed.map(({ item, error }) => ({ was: itemOf(held, item), error }))
    const back = isRetired ? left : []
    try {
      await catalog.write(async (tx) => {
        await leases.assertHeld(tx, leaseName(step), step.fence)
        const made = ended.filter((end) => end.status === 'succeeded')
        if (made.length > 0) await keepItems(tx, ctx.project, step, made, clock.now().toISOString())
        const points = made.flatMap(pointsOf)
        if (points.length > 0) await runs.logMetrics(ctx, step.run_id, points, tx)
        for (const { was, error } of states)
          await failItem(tx, step, was.item, stateAfter(was, error), error)
        if (back.length > 0) await giveBackItems(tx, step, numbers(back))
        if (next.length > 0) await leaseItems(tx, step, numbers(next))
      })
    } catch (error) {
      queue.add(next)
      throw error
    }
    worker.isKnown = true
    worker.isRetired = isRetired
    const taken = next.map(begun)
    worker.holds = isRetired ? [] : [...left, ...taken]
    queue.add(back.map(unbegun))
    for (const { was, error } of states) judge(was, error)
    if (worker.holds.length > 0) worker.timer = setTimeout(() => late(worker), plan.timeoutMs)
    return taken.map(({ item, fence }) => {
      const own = plan.items.own(item)
      return { item, fence, inputs: own, seed: itemSeed(plan.seed, own) }
    })
  }

  function late(worker: Worker): void {
    worker.isLate = true
    worker.isRetired = true
    worker.job.cancel(GRACE_MS)
  }

  return {
    async done() {
      const unreachable = deps.fanOuts.open(name, exchange)
      plan.stopping.addEventListener('abort', tend)
      try {
        await new Promise<void>((resolve, reject) => {
          settle = { resolve, reject }
          tend()
        })
      } finally {
        plan.stopping.removeEventListener('abort', tend)
        unreachable()
        isOver = true
        const left = [...workers.values()]
        for (const { job } of left) job.cancel(GRACE_MS)
        await Promise.all(left.map(({ ended }) => ended))
        await log.close()
      }
    },
  }
}

function account(end: JobEnd, tail: string): string {
  return [`its process ${describeEnd(end)}`, tail].filter((part) => part !== '').join('\n')
}

/** It has items, or may be given some just now. */
function isBusy({ holds, exchanging }: Worker): boolean {
  return holds.length > 0 || exchanging !== undefined
}

function numbers(items: readonly OpenItem[]): number[] {
  return items.map(({ item }) => item)
}

function begun(item: OpenItem): OpenItem {
  return { ...item, attempt: item.attempt + 1, fence: item.fence + 1 }
}

function unbegun(item: OpenItem): OpenItem {
  return { ...item, attempt: item.attempt - 1 }
}

function itemOf(held: ReadonlyMap<number, OpenItem>, item: number): OpenItem {
  const found = held.get(item)
  if (!found) throw new GyreError('INTERNAL', `item ${item} has no holder`)
  return found
}

/** Points of an item stand at its number. */
function pointsOf({ item, points }: Extract<ItemEnd, { status: 'succeeded' }>) {
  return points.map(({ key, value }) => ({ key, value, step: item }))
}
