import type { RunSettings } from '@gyre/sdk/wire/endpoint'
import type { Clock } from '../core/clock.ts'
import { GyreError } from '../core/errors.ts'
import { takesTurns } from './batch-turn.ts'
import { CRASH_WINDOW_MS, createCrashRecord } from './crash-record.ts'
import type { Lane } from './lane.ts'
import type { Answer, Request } from './protocol.ts'
import { RowQueue, type Pending } from './row-queue.ts'
import { DEFAULT_PRIORITY, type Schedule } from './schedule.ts'
import type { Graph, Source } from './session.ts'
import { createStatistics, type ExecutionTimes, type StatisticsKeeper } from './statistics.ts'
import { threadClockMs } from './thread-clock.ts'
import type { Timers } from './timers.ts'
import type { Trip } from './worker-link.ts'

/** So many crashes within a minute mark a model as failed; it is tried again a minute later. */
const CRASHES_TO_FAIL = 3

/** Weight of the newest batch in the running mean of the time a row takes. */
const NEWEST_WEIGHT = 0.2

const NEVER = Number.POSITIVE_INFINITY

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
  settle(answer: Answer, tookMs: number, trip: Trip | undefined): boolean
  /** Refuses all of it, or where `error` is the model's own, lets each caller's rows try again alone. */
  refuse(error: GyreError): void
  /** After a crash everybody's rows get one more try, alone; the second time they are taken for the culprit. */
  retry(reason: string): void
}

/** What a batch is made of, and when it left the queue. */
interface TakenBatch<Ask, Reply> {
  readonly pending: readonly Pending<Ask, Reply>[]
  readonly asks: readonly Ask[]
  readonly rows: number
  /** By the clock of the queue. */
  readonly takenAtMs: number
  /** By `threadClockMs`: when joining its rows began. */
  readonly joiningMs: number
}

/** A loaded model as the pool and its workers see it, whatever it is asked. */
export interface PooledSession {
  readonly id: number
  readonly source: Source
  readonly queue: Pick<
    RowQueue<never, never>,
    'waiting' | 'oldestMs' | 'unanswered' | 'drained' | 'failAll'
  >
  readonly failed: string | undefined
  /** The most rows of a batch, where the model has a say. */
  readonly maxRows: number | undefined
  /** The sizes and the delay that its batches are made by, where it was told any and its rows may share a run. */
  readonly turns: RunSettings | undefined
  /** Whether the worker of this place, of so many, holds it. */
  liesOn(place: number, places: number): boolean
  readonly rowMs: number
  readonly statistics: Pick<StatisticsKeeper, 'read'>
  readonly failures: number
  /** A worker holds it now, and has found its graph to be this. */
  loaded(graph: Graph | undefined): void
  crashed(reason: string): void
  /** The next batch of up to `maxRows` rows, or of the first caller's; undefined where none is left to run. */
  take(maxRows: number): Batch | undefined
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
  readonly statistics = createStatistics()
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
      onFail: (queuedAtMs) => this.statistics.failed(clock.monotonicMs() - queuedAtMs),
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

  get turns(): RunSettings | undefined {
    const runs = this.#runs
    return this.graph?.batches === true && takesTurns(runs) ? runs : undefined
  }

  /** Those that lie on few workers begin at different ones. */
  liesOn(place: number, places: number): boolean {
    const { workers = places } = this.#runs ?? {}
    return (place + this.id) % places < workers
  }

  get #runs(): RunSettings | undefined {
    return this.source.kind === 'graph' ? this.source.runs : undefined
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
  admit({ deadlineMs = NEVER, priority = DEFAULT_PRIORITY }: Schedule): void {
    const waitMs = (this.queue.ahead(priority) * this.rowMs) / this.#workers
    if (!this.queue.isFull(priority) && waitMs < deadlineMs) return
    this.statistics.failed(0)
    const retryAfterS = Math.max(1, Math.ceil(waitMs / 1_000))
    const facts = { retryAfterS, queued: this.queue.waiting }
    throw new GyreError('OVERLOADED', this.#about(`${facts.queued} rows wait already`), facts)
  }

  take(maxRows: number): Batch | undefined {
    const pending = this.queue.take(maxRows)
    if (pending.length === 0) return undefined
    const asks = pending.map(({ ask }) => ask)
    const joiningMs = threadClockMs()
    const request = this.#lane.request(this.id, asks)
    const batch: TakenBatch<Ask, Reply> = {
      pending,
      asks,
      rows: pending.reduce((sum, { rows }) => sum + rows, 0),
      takenAtMs: this.#clock.monotonicMs(),
      joiningMs,
    }
    return {
      rows: batch.rows,
      request,
      settle: (answer, tookMs, trip) => this.#settle(batch, answer, tookMs, trip),
      refuse: (error) => this.#refuse(pending, error),
      retry: (reason) =>
        this.#again(
          pending,
          new GyreError('UNAVAILABLE', this.#about(`the worker died twice: ${reason}`)),
        ),
    }
  }

  #settle(
    { pending: batch, asks, rows, takenAtMs, joiningMs }: TakenBatch<Ask, Reply>,
    answer: Answer,
    tookMs: number,
    trip: Trip | undefined,
  ): boolean {
    const results = this.#lane.results(asks, answer)
    if (!results) return false
    const times = timesOf(joiningMs, trip)
    const nowMs = this.#clock.monotonicMs()
    const rowMs = tookMs / rows
    this.rowMs += (this.rowMs === 0 ? 1 : NEWEST_WEIGHT) * (rowMs - this.rowMs)
    this.statistics.executed(rows, times, this.#clock.now().getTime())
    for (const [i, result] of results.entries()) {
      const pending = batch[i]
      if (!pending || pending.settled) continue
      if (result.kind === 'error') {
        this.#fail(pending, result.error)
        continue
      }
      const { rows: asked, queuedAtMs } = pending
      this.statistics.answered(asked, takenAtMs - queuedAtMs, nowMs - queuedAtMs, times)
      this.queue.answer(pending, result.answer)
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

/** Called once the callers' parts are made. */
function timesOf(joiningMs: number, trip: Trip | undefined): ExecutionTimes {
  if (!trip) return { inputMs: 0, inferMs: 0, outputMs: 0 }
  return {
    inputMs: trip.beganMs - joiningMs,
    inferMs: trip.endedMs - trip.beganMs,
    outputMs: threadClockMs() - trip.endedMs,
  }
}
