import type { Clock } from '../core/clock.ts'
import { GyreError } from '../core/errors.ts'
import type { Log } from '../core/log.ts'
import { batchSize } from './batch-size.ts'
import { batchTurn, type Turn } from './batch-turn.ts'
import type { Batch, PooledSession } from './live-session.ts'
import type { Timers } from './timers.ts'
import type { Link, LinkDeps, Outcome } from './worker-link.ts'
import { WorkerSlot } from './worker-slot.ts'

export interface PoolDeps {
  readonly clock: Clock
  readonly timers: Timers
  readonly log: Log
  readonly workers: number
  readonly openLink: (deps: LinkDeps) => Link
  readonly maxBatch: number
  readonly batchTimeoutMs: number
  readonly loadTimeoutMs: number
}

interface LoadJob {
  readonly session: PooledSession
  readonly done: (outcome: Outcome) => void
}

/**
 * Inference workers, each with every session loaded. A free worker takes what waits at once; rows that
 * come while all are busy go as one batch later: batching costs no time when there is no load.
 */
export class Pool {
  readonly #deps: PoolDeps
  /** The workers, each with the loads that wait for it. Empty until the first session: unused costs nothing. */
  readonly #slots = new Map<WorkerSlot, LoadJob[]>()
  readonly #sessions = new Set<PooledSession>()
  /** Sessions with rows waiting; the first is served next and then goes to the end. */
  readonly #ready = new Set<PooledSession>()
  /** Sessions whose rows wait for company, and the timer that ends it. */
  readonly #patient = new Map<PooledSession, () => void>()
  #dispatchPlanned = false

  constructor(deps: PoolDeps) {
    this.#deps = deps
  }

  get workers(): readonly WorkerSlot[] {
    return [...this.#slots.keys()]
  }

  /** Starts the workers, once. */
  start(): void {
    if (this.#slots.size > 0) return
    const { clock, timers, log, openLink } = this.#deps
    for (let i = 0; i < this.#deps.workers; i++) {
      const loads: LoadJob[] = []
      const slot = new WorkerSlot({
        clock,
        timers,
        log,
        openLink,
        onStart: () => this.#reload(loads, i),
        onStartFailed: (outcome) => this.#startFailed(loads, outcome),
        onIdle: () => this.#planDispatch(),
      })
      this.#slots.set(slot, loads)
      void slot.start()
    }
  }

  /**
   * Loads a session on one worker after the other, so that the rest keep answering and a model that
   * kills its worker kills one. Throws what the worker refused it for, or MODEL_FAILED when it died.
   */
  async add(session: PooledSession): Promise<void> {
    this.start()
    this.#sessions.add(session)
    for (const [place, loads] of [...this.#slots.values()].entries()) {
      if (!session.liesOn(place, this.#slots.size)) continue
      const outcome = await new Promise<Outcome>((done) => {
        loads.push({ session, done })
        this.#planDispatch()
      })
      if (outcome.kind === 'loaded') continue
      this.remove(session)
      throw refusal(session, outcome)
    }
  }

  /** Frees the session on every worker. Its rows must have been answered. */
  remove(session: PooledSession): void {
    this.#sessions.delete(session)
    this.#ready.delete(session)
    this.#patient.get(session)?.()
    this.#patient.delete(session)
    for (const slot of this.#slots.keys()) slot.drop(session.id)
  }

  /** Says that rows of `session` wait. Those of one turn of the event loop go as one batch. */
  wake(session: PooledSession): void {
    this.#ready.add(session)
    this.#planDispatch()
  }

  /** Answers every row, then ends the workers. */
  async close(): Promise<void> {
    await Promise.all([...this.#sessions].map(({ queue }) => queue.drained()))
    await Promise.all(this.workers.map((slot) => slot.stop()))
    for (const loads of this.#slots.values())
      for (const { done } of loads.splice(0)) done({ kind: 'crashed', reason: 'stopped' })
  }

  /** A fresh worker first gets the sessions the others have. */
  #reload(loads: LoadJob[], place: number): void {
    for (const session of this.#sessions)
      if (session.failed === undefined && session.liesOn(place, this.#deps.workers))
        loads.push({ session, done: () => undefined })
    this.#planDispatch()
  }

  #startFailed(loads: LoadJob[], outcome: Outcome): void {
    for (const { done } of loads.splice(0)) done(outcome)
    if (this.workers.some(({ state }) => state === 'idle' || state === 'busy')) return
    for (const { queue, source } of this.#sessions)
      queue.failAll(
        new GyreError('UNAVAILABLE', `${source.key}: no inference worker starts`, {
          retryAfterS: 10,
        }),
      )
  }

  #planDispatch(): void {
    if (this.#dispatchPlanned) return
    this.#dispatchPlanned = true
    setImmediate(() => {
      this.#dispatchPlanned = false
      this.#dispatch()
    })
  }

  #dispatch(): void {
    let free = this.workers.filter(({ state }) => state === 'idle').length
    let place = -1
    for (const [slot, loads] of this.#slots) {
      place += 1
      if (slot.state !== 'idle') continue
      const job = nextLoad(slot, loads)
      if (job) void this.#load(slot, job.session).then(job.done)
      else this.#serve(slot, place, free)
      free -= 1
    }
  }

  /** Gives an idle worker the next batch, if any waits that it may run. */
  #serve(slot: WorkerSlot, place: number, freeWorkers: number): void {
    for (const session of this.#ready) {
      const { queue } = session
      if (queue.waiting > 0 && !session.liesOn(place, this.#slots.size)) continue
      this.#ready.delete(session)
      if (queue.waiting === 0) continue
      if (!slot.loaded.has(session.id)) return void this.#loadLate(slot, session)
      const turn = this.#turnOf(session, freeWorkers)
      if ('waitMs' in turn) {
        this.#wakeIn(turn.waitMs, session)
        continue
      }
      const batch = session.take(turn.take)
      if (queue.waiting > 0) this.#ready.add(session)
      if (!batch) continue
      return void this.#run(slot, session, batch)
    }
  }

  #turnOf(session: PooledSession, freeWorkers: number): Turn {
    const { queue, turns, rowMs } = session
    const { waiting: rows, oldestMs } = queue
    const maxRows = session.maxRows ?? this.#deps.maxBatch
    if (!turns) return { take: batchSize(rows, freeWorkers, rowMs, maxRows) }
    const nowMs = this.#deps.clock.monotonicMs()
    return batchTurn(turns, { rows, waitedMs: nowMs - (oldestMs ?? nowMs), maxRows })
  }

  /** New rows wake it sooner. */
  #wakeIn(ms: number, session: PooledSession): void {
    this.#patient.get(session)?.()
    const wake = (): void => {
      this.#patient.delete(session)
      this.wake(session)
    }
    this.#patient.set(session, this.#deps.timers.after(ms, wake))
  }

  async #run(slot: WorkerSlot, session: PooledSession, batch: Batch): Promise<void> {
    const { clock, batchTimeoutMs } = this.#deps
    const startMs = clock.monotonicMs()
    const outcome = await slot.ask(session, batch.request, batchTimeoutMs)
    if (outcome.kind === 'crashed') batch.retry(outcome.reason)
    else if (!batch.settle(outcome, clock.monotonicMs() - startMs, outcome.trip))
      batch.refuse(refusal(session, outcome))
    if (session.queue.waiting > 0) this.wake(session)
  }

  async #load(slot: WorkerSlot, session: PooledSession): Promise<Outcome> {
    const load = { kind: 'load', session: session.id, source: session.source } as const
    const outcome = await slot.ask(session, load, this.#deps.loadTimeoutMs)
    if (outcome.kind !== 'loaded') return outcome
    slot.loaded.add(session.id)
    session.loaded(outcome.graph)
    if (!this.#sessions.has(session)) slot.drop(session.id)
    return outcome
  }

  /** A worker may lack a session that had failed when the worker started. */
  async #loadLate(slot: WorkerSlot, session: PooledSession): Promise<void> {
    const outcome = await this.#load(slot, session)
    if (outcome.kind === 'refused') session.queue.failAll(refusal(session, outcome))
    if (session.queue.waiting > 0) this.wake(session)
  }
}

/** The next load that `slot` needs; a session that a restart has loaded meanwhile is done. */
function nextLoad(slot: WorkerSlot, loads: LoadJob[]): LoadJob | undefined {
  for (let job = loads.shift(); job; job = loads.shift()) {
    if (!slot.loaded.has(job.session.id)) return job
    job.done({ kind: 'loaded' })
  }
  return undefined
}

function refusal(session: PooledSession, outcome: Outcome): GyreError {
  const { key } = session.source
  if (outcome.kind === 'refused')
    return new GyreError(outcome.code, `${key}: ${outcome.message}`, { key })
  const reason = outcome.kind === 'crashed' ? outcome.reason : `an unexpected ${outcome.kind}`
  return new GyreError('MODEL_FAILED', `${key}: its worker died: ${reason}`, { key })
}
