import type { Clock } from '../core/clock.ts'
import { GyreError } from '../core/errors.ts'
import { CRASH_WINDOW_MS, createCrashRecord } from './crash-record.ts'
import type { Answer } from './protocol.ts'
import { RowQueue, type PendingRow } from './row-queue.ts'
import type { ModelSource } from './session.ts'
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

/** One loaded model as the pool sees it: its unanswered rows, how it fares, and whether it has failed. */
export class LiveSession {
  readonly id: number
  readonly source: ModelSource
  readonly queue: RowQueue
  readonly #clock: Clock
  readonly #workers: number
  readonly #crashes = createCrashRecord()
  #failure: { readonly reason: string; readonly untilMs: number } | undefined
  /** Running mean of milliseconds per row, thread hop included; 0 before the first batch. */
  rowMs = 0
  rows = 0
  batches = 0
  failures = 0

  constructor(id: number, source: ModelSource, deps: LiveSessionDeps) {
    const { clock, timers, maxQueueRows, workers } = deps
    this.id = id
    this.source = source
    this.#clock = clock
    this.#workers = workers
    this.queue = new RowQueue({ key: source.key, maxRows: maxQueueRows, clock, timers })
  }

  /** Why the model answers UNAVAILABLE, or undefined while it works. */
  get failed(): string | undefined {
    const failure = this.#failure
    return failure && this.#clock.monotonicMs() < failure.untilMs ? failure.reason : undefined
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

  /** Gives each row of a batch its answer or its own error. */
  settle(
    batch: readonly PendingRow[],
    ran: Extract<Answer, { kind: 'ran' }>,
    tookMs: number,
  ): void {
    const rowMs = tookMs / batch.length
    this.rowMs += (this.rowMs === 0 ? 1 : NEWEST_WEIGHT) * (rowMs - this.rowMs)
    this.batches += 1
    this.rows += batch.length
    for (const { row, code, message } of ran.failures) {
      const pending = batch[row]
      if (pending) this.#fail(pending, new GyreError(code, this.#about(message)))
    }
    const width = this.source.spec.inputs.length
    for (const [i, pending] of batch.entries()) {
      if (pending.settled) continue
      const score = ran.scores[i] ?? Number.NaN
      const { row } = pending
      const inputs =
        row.kind === 'vector' ? row.values : ran.vectors.subarray(i * width, (i + 1) * width)
      if (Number.isFinite(score)) this.queue.answer(pending, { score, inputs })
      else this.#fail(pending, new GyreError('MODEL_FAILED', this.#about(`the score is ${score}`)))
    }
  }

  /** Refuses a whole batch. */
  refuse(batch: readonly PendingRow[], error: GyreError): void {
    for (const pending of batch) this.#fail(pending, error)
  }

  /** After a crash each row gets one more try, alone; the second time it is taken for the culprit. */
  retry(batch: readonly PendingRow[], reason: string): void {
    const error = new GyreError('UNAVAILABLE', this.#about(`the worker died twice: ${reason}`))
    for (const pending of batch) if (!this.queue.retry(pending)) this.#fail(pending, error)
  }

  #fail(pending: PendingRow, error: GyreError): void {
    this.failures += 1
    this.queue.fail(pending, error)
  }

  #about(message: string): string {
    return `${this.source.key}: ${message}`
  }
}
