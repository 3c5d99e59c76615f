import type { Clock } from '../core/clock.ts'
import { GyreError } from '../core/errors.ts'
import type { ModelAnswer, ModelRow } from './session.ts'
import type { Timers } from './timers.ts'

export interface PendingRow {
  readonly row: ModelRow
  /** Monotonic; Infinity = no deadline. */
  readonly expiresAtMs: number
  readonly resolve: (answer: ModelAnswer) => void
  readonly reject: (error: GyreError) => void
  /** Takes the listener off the caller's signal. */
  unlisten: (() => void) | undefined
  /** It was in a batch whose worker died. */
  retried: boolean
  settled: boolean
}

const NEVER = Number.POSITIVE_INFINITY

export interface RowQueueDeps {
  readonly key: string
  readonly maxRows: number
  readonly clock: Clock
  readonly timers: Timers
}

/** The unanswered rows of one session: waiting, to be retried, or running. Every row is settled exactly once. */
export class RowQueue {
  readonly #deps: RowQueueDeps
  readonly #waiting = new Set<PendingRow>()
  readonly #again = new Set<PendingRow>()
  readonly #running = new Set<PendingRow>()
  #sweepAtMs = NEVER
  #cancelSweep: (() => void) | undefined
  readonly #onEmpty: (() => void)[] = []

  constructor(deps: RowQueueDeps) {
    this.#deps = deps
  }

  /** Rows no worker has taken yet. */
  get waiting(): number {
    return this.#waiting.size + this.#again.size
  }

  get unanswered(): number {
    return this.waiting + this.#running.size
  }

  get isFull(): boolean {
    return this.waiting >= this.#deps.maxRows
  }

  /** Rejects with CANCELLED when `signal` aborts and with TIMEOUT after `deadlineMs`, wherever the row then is. */
  push(row: ModelRow, signal?: AbortSignal, deadlineMs?: number): Promise<ModelAnswer> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(this.#cancelled())
      const { clock } = this.#deps
      const pending: PendingRow = {
        row,
        expiresAtMs: deadlineMs === undefined ? NEVER : clock.monotonicMs() + deadlineMs,
        resolve,
        reject,
        unlisten: undefined,
        retried: false,
        settled: false,
      }
      if (signal) pending.unlisten = onAbort(signal, () => this.fail(pending, this.#cancelled()))
      this.#waiting.add(pending)
      this.#sweepBy(pending.expiresAtMs)
    })
  }

  /**
   * The next batch: up to `maxRows` rows of one kind, oldest first; a row to be retried goes alone, lest it takes
   * others along.
   */
  take(maxRows: number): readonly PendingRow[] {
    const source = this.#again.size > 0 ? this.#again : this.#waiting
    const count = source === this.#again ? 1 : maxRows
    const batch: PendingRow[] = []
    for (const pending of source) {
      const [first = pending] = batch
      if (batch.length === count || pending.row.kind !== first.row.kind) break
      source.delete(pending)
      this.#running.add(pending)
      batch.push(pending)
    }
    return batch
  }

  answer(pending: PendingRow, answer: ModelAnswer): void {
    if (this.#forget(pending)) pending.resolve(answer)
  }

  fail(pending: PendingRow, error: GyreError): void {
    if (this.#forget(pending)) pending.reject(error)
  }

  failAll(error: GyreError): void {
    for (const pending of this.#all()) this.fail(pending, error)
  }

  /** Puts a running row back for its one retry; false when it has had that already. */
  retry(pending: PendingRow): boolean {
    if (pending.settled) return true
    if (pending.retried) return false
    pending.retried = true
    this.#running.delete(pending)
    this.#again.add(pending)
    return true
  }

  /** Resolves once no row is unanswered. */
  drained(): Promise<void> {
    return new Promise((resolve) => {
      if (this.unanswered === 0) resolve()
      else this.#onEmpty.push(resolve)
    })
  }

  #all(): readonly PendingRow[] {
    return [...this.#waiting, ...this.#again, ...this.#running]
  }

  #forget(pending: PendingRow): boolean {
    if (pending.settled) return false
    pending.settled = true
    pending.unlisten?.()
    if (!this.#running.delete(pending) && !this.#waiting.delete(pending))
      this.#again.delete(pending)
    if (this.unanswered === 0) for (const resolve of this.#onEmpty.splice(0)) resolve()
    return true
  }

  /** One timer for all rows, set to the earliest deadline seen since the last sweep. */
  #sweepBy(atMs: number): void {
    if (atMs >= this.#sweepAtMs) return
    this.#sweepAtMs = atMs
    this.#cancelSweep?.()
    this.#cancelSweep = this.#deps.timers.after(atMs - this.#deps.clock.monotonicMs(), () =>
      this.#sweep(),
    )
  }

  #sweep(): void {
    const nowMs = this.#deps.clock.monotonicMs()
    this.#sweepAtMs = NEVER
    this.#cancelSweep = undefined
    for (const pending of this.#all()) {
      if (pending.expiresAtMs <= nowMs) this.fail(pending, this.#tooLate())
      else this.#sweepBy(pending.expiresAtMs)
    }
  }

  #cancelled(): GyreError {
    return new GyreError('CANCELLED', `${this.#deps.key}: the caller gave up`)
  }

  #tooLate(): GyreError {
    return new GyreError('TIMEOUT', `${this.#deps.key}: no answer before the deadline`)
  }
}

function onAbort(signal: AbortSignal, run: () => void): () => void {
  signal.addEventListener('abort', run, { once: true })
  return () => signal.removeEventListener('abort', run)
}
