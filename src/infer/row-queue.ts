import type { Clock } from '../core/clock.ts'
import { GyreError } from '../core/errors.ts'
import type { Timers } from './timers.ts'

/** Rows of one caller, which are answered together. */
export interface Pending<Ask, Answer> {
  readonly ask: Ask
  readonly rows: number
  /** Monotonic. */
  readonly queuedAtMs: number
  /** Monotonic; Infinity = no deadline. */
  readonly expiresAtMs: number
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: GyreError) => void
  /** Takes the listener off the caller's signal. */
  unlisten: (() => void) | undefined
  /** It was in a batch whose worker died. */
  retried: boolean
  settled: boolean
}

const NEVER = Number.POSITIVE_INFINITY

export interface RowQueueDeps<Ask> {
  readonly key: string
  readonly rowsOf: (ask: Ask) => number
  /** Whether the next may go into the batch that `first` begins. */
  readonly joins: (first: Ask, next: Ask) => boolean
  readonly maxRows: number
  readonly clock: Clock
  readonly timers: Timers
  /** Told of each ask that gets an error instead of an answer. */
  readonly onFail: (queuedAtMs: number) => void
}

/** The unanswered rows of one session: waiting, to be retried, or running. Every ask is settled exactly once. */
export class RowQueue<Ask, Answer> {
  readonly #deps: RowQueueDeps<Ask>
  readonly #waiting = new Set<Pending<Ask, Answer>>()
  readonly #again = new Set<Pending<Ask, Answer>>()
  readonly #running = new Set<Pending<Ask, Answer>>()
  #waitingRows = 0
  #sweepAtMs = NEVER
  #cancelSweep: (() => void) | undefined
  readonly #onEmpty: (() => void)[] = []

  constructor(deps: RowQueueDeps<Ask>) {
    this.#deps = deps
  }

  /** Rows no worker has taken yet. */
  get waiting(): number {
    return this.#waitingRows
  }

  /** Asks no answer was given to. */
  get unanswered(): number {
    return this.#waiting.size + this.#again.size + this.#running.size
  }

  get isFull(): boolean {
    return this.waiting >= this.#deps.maxRows
  }

  /** Rejects with CANCELLED when `signal` aborts and with TIMEOUT after `deadlineMs`, wherever the rows then are. */
  push(ask: Ask, signal?: AbortSignal, deadlineMs?: number): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const nowMs = this.#deps.clock.monotonicMs()
      if (signal?.aborted) {
        this.#deps.onFail(nowMs)
        return reject(this.#cancelled())
      }
      const pending: Pending<Ask, Answer> = {
        ask,
        rows: this.#deps.rowsOf(ask),
        queuedAtMs: nowMs,
        expiresAtMs: deadlineMs === undefined ? NEVER : nowMs + deadlineMs,
        resolve,
        reject,
        unlisten: undefined,
        retried: false,
        settled: false,
      }
      if (signal) pending.unlisten = onAbort(signal, () => this.fail(pending, this.#cancelled()))
      this.#waiting.add(pending)
      this.#waitingRows += pending.rows
      this.#sweepBy(pending.expiresAtMs)
    })
  }

  /**
   * The next batch, oldest first: asks that may share one, up to `maxRows` rows or the first ask alone; what is to
   * be retried goes alone, lest it takes others along.
   */
  take(maxRows: number): readonly Pending<Ask, Answer>[] {
    const source = this.#again.size > 0 ? this.#again : this.#waiting
    const batch: Pending<Ask, Answer>[] = []
    let rows = 0
    for (const pending of source) {
      const [first] = batch
      if (first && !this.#mayFollow(first, pending, rows, maxRows)) break
      source.delete(pending)
      this.#waitingRows -= pending.rows
      this.#running.add(pending)
      batch.push(pending)
      rows += pending.rows
    }
    return batch
  }

  #mayFollow(
    first: Pending<Ask, Answer>,
    next: Pending<Ask, Answer>,
    rows: number,
    maxRows: number,
  ): boolean {
    return !first.retried && rows + next.rows <= maxRows && this.#deps.joins(first.ask, next.ask)
  }

  answer(pending: Pending<Ask, Answer>, answer: Answer): void {
    if (this.#forget(pending)) pending.resolve(answer)
  }

  fail(pending: Pending<Ask, Answer>, error: GyreError): void {
    if (!this.#forget(pending)) return
    this.#deps.onFail(pending.queuedAtMs)
    pending.reject(error)
  }

  failAll(error: GyreError): void {
    for (const pending of this.#all()) this.fail(pending, error)
  }

  /** Puts running rows back for their one retry; false when they have had that already. */
  retry(pending: Pending<Ask, Answer>): boolean {
    if (pending.settled) return true
    if (pending.retried) return false
    pending.retried = true
    this.#running.delete(pending)
    this.#again.add(pending)
    this.#waitingRows += pending.rows
    return true
  }

  /** Resolves once nothing is unanswered. */
  drained(): Promise<void> {
    return new Promise((resolve) => {
      if (this.unanswered === 0) resolve()
      else this.#onEmpty.push(resolve)
    })
  }

  #all(): readonly Pending<Ask, Answer>[] {
    return [...this.#waiting, ...this.#again, ...this.#running]
  }

  #forget(pending: Pending<Ask, Answer>): boolean {
    if (pending.settled) return false
    pending.settled = true
    pending.unlisten?.()
    if (!this.#running.delete(pending)) {
      this.#waitingRows -= pending.rows
      if (!this.#waiting.delete(pending)) this.#again.delete(pending)
    }
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
