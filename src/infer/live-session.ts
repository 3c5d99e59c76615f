import type { Clock } from '../core/clock.ts'
import { GyreError } from '../core/errors.ts'
import { CRASH_WINDOW_MS, createCrashRecord } from './crash-record.ts'
import type { Lane } from './lane.ts'
import type { Answer, Request } from './protocol.ts'
import { RowQueue, type Pending } from './row-queue.ts'
import type { Graph, Source } from './session.ts'
import type { Timers } from './timers.ts'

/** So many crashes within a minute mark a model as failed; it is tried again a minute later. */
const CRASHES_TO_FAIL = 3

/** Weight of the newest batch in the running mean of the time a row takes. */
const NEWEST_WEIGHT = 0.2

export interface LiveSessionDeps {
  readonly clock: Clock
  readonly timers: Timers
  readonly maxQueueRows: number
  readonly workers: number
}

/** A batch that a worker was given, and what may come of it. Each is settled by one of the three. */
export interface Batch {
  readonly rows: number
  readonly request: Request
  /** Gives each caller the answer or an error of its own; false when that is no answer to this request. */
  settle(answer: Answer, tookMs: number): boolean
  /** Refuses all of it, or where `error` is the model's own, lets each caller's rows try again alone. */
  refuse(error: GyreError): void
  /** After a crash everybody's rows get one more try, alone; the second time they are taken for the culprit. */
  retry(reason: string): void
}

/** A loaded model as the pool and its workers see it, whatever it is asked. */
export interface PooledSession {
  readonly id: number
  readonly source: Source
  readonly queue: Pick<RowQueue<never, never>, 'waiting' | 'unanswered' | 'drained' | 'failAll'>
  readonly failed: string | undefined
  /** The most rows of a batch, where the model has a say. */
  readonly maxRows: number | undefined
  readonly rowMs: number
  readonly rows: number
  readonly batches: number
  readonly failures: number
  /** A worker holds it now, and has found its graph to be this. */
  loaded(graph: Graph | undefined): void
  crashed(reason: string): void
  /** The next batch of up to `maxRows` rows, or of the first caller's. */
  take(maxRows: number): Batch
}

/** One loaded model: its unanswered rows, how it fares, and whether it has failed. */
export class LiveSession<Ask, Reply> implements PooledSession {
  readonly id: number
  readonly source: Source
  readonly queue: RowQueue<Ask, Reply>
  readonly #lane: Lane<Ask, Reply>
  readonly #clock: Clock
  readonly #workers: number
  readonly #crashes = createCrashRecord()
  #failure: { readonly reason: string; readonly untilMs: number } | undefined
  /** Running mean of milliseconds per row, thread hop included; 0 before the first batch. */
  rowMs = 0
  /** As a worker found it; undefined before it is loaded, and for a model of Gyre's own. */
  graph: Graph | undefined
  rows = 0
  batches = 0
  failures = 0

  constructor(id: number, source: Source, lane: Lane<Ask, Reply>, deps: LiveSessionDeps) {
    const { clock, timers, maxQueueRows, workers } = deps
    this.id = id
    this.source = source
    this.#lane = lane
    this.#clock = clock
    this.#workers = workers
    this.queue = new RowQueue({
      key: source.key,
      maxRows: maxQueueRows,
      clock,
      timers,
      rowsOf: (ask) => lane.rowsOf(ask),
      joins: (first, next) => lane.joins(first, next),
    })
  }

  /** Why the model answers UNAVAILABLE, or undefined while it works. */
  get failed(): string | undefined {
    const failure = this.#failure
    return failure && this.#clock.monotonicMs() < failure.untilMs ? failure.reason : undefined
  }

  get maxRows(): number | undefined {
    return this.#lane.maxRows
  }

  loaded(graph: Graph | undefined): void {
    this.graph = graph
    this.#lane.loaded(graph)
  }

  /** Its worker died; the third time within a minute every unanswered row is refused. */
  crashed(reason: string): void {
    const nowMs = this.#clock.monotonicMs()
    const count = this.#crashes.note(nowMs)
    if (count < CRASHES_TO_FAIL) return
    this.#failure = {
      reason: `crashed its worker ${count} times within a minute, last: ${reason}`,
      untilMs: nowMs + CRASH_WINDOW_MS,
    }
    this.queue.failAll(this.unavailable())
  }

  unavailable(): GyreError {
    const { key } = this.source
    return new GyreError('UNAVAILABLE', `${key}: ${this.failed ?? 'not loaded'}`, { key })
  }

  /** Throws OVERLOADED when the queue is full, or so long that a row of `deadlineMs` would die in it. */
  admit(deadlineMs = Number.POSITIVE_INFINITY): void {
    const waitMs = (this.queue.waiting * this.rowMs) / this.#workers
    if (!this.queue.isFull && waitMs < deadlineMs) return
    const retryAfterS = Math.max(1, Math.ceil(waitMs / 1_000))
    const facts = { retryAfterS, queued: this.queue.waiting }
    throw new GyreError('OVERLOADED', this.#about(`${facts.queued} rows wait already`), facts)
  }

  take(maxRows: number): Batch {
    const batch = this.queue.take(maxRows)
    const asks = batch.map(({ ask }) => ask)
    return {
      rows: batch.reduce((sum, { rows }) => sum + rows, 0),
      request: this.#lane.request(this.id, asks),
      settle: (answer, tookMs) => this.#settle(batch, asks, answer, tookMs),
      refuse: (error) => this.#refuse(batch, error),
      retry: (reason) =>
        this.#again(
          batch,
          new GyreError('UNAVAILABLE', this.#about(`the worker died twice: ${reason}`)),
        ),
    }
  }

  #settle(
    batch: readonly Pending<Ask, Reply>[],
    asks: readonly Ask[],
    answer: Answer,
    tookMs: number,
  ): boolean {
    const results = this.#lane.results(asks, answer)
    if (!results) return false
    const rows = batch.reduce((sum, pending) => sum + pending.rows, 0)
    const rowMs = tookMs / rows
    this.rowMs += (this.rowMs === 0 ? 1 : NEWEST_WEIGHT) * (rowMs - this.rowMs)
    this.batches += 1
    this.rows += rows
    for (const [i, result] of results.entries()) {
      const pending = batch[i]
      if (!pending || pending.settled) continue
      if (result.kind === 'answer') this.queue.answer(pending, result.answer)
      else this.#fail(pending, result.error)
    }
    return true
  }

  #refuse(batch: readonly Pending<Ask, Reply>[], error: GyreError): void {
    if (error.code === 'MODEL_FAILED' && batch.length > 1) return this.#again(batch, error)
    for (const pending of batch) this.#fail(pending, error)
  }

  #again(batch: readonly Pending<Ask, Reply>[], error: GyreError): void {
    for (const pending of batch) if (!this.queue.retry(pending)) this.#fail(pending, error)
  }

  #fail(pending: Pending<Ask, Reply>, error: GyreError): void {
    this.failures += 1
    this.queue.fail(pending, error)
  }

  #about(message: string): string {
    return `${this.source.key}: ${message}`
  }
}
