import type { Clock } from '../core/clock.ts'
import { GyreError } from '../core/errors.ts'
import {
  BACKGROUND_PRIORITY,
  DEFAULT_PRIORITY,
  PRIORITY_LEVELS,
  type Schedule,
} from './schedule.ts'
import type { Timers } from './timers.ts'

/** Rows of one caller, which are answered together. */
export interface Pending<Ask, Answer> {
  readonly ask: Ask
  readonly rows: number
  readonly priority: number
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
  /** By priority, the most urgent first; in each the oldest first. */
  readonly #levels = Array.from(
    { length: BACKGROUND_PRIORITY },
    () => new Set<Pending<Ask, Answer>>(),
  )
  readonly #again = new Set<Pending<Ask, Answer>>()
  readonly #running = new Set<Pending<Ask, Answer>>()
  /** Rows that wait, or are to be retried, of each priority. */
  readonly #waitingRows = this.#levels.map(() => 0)
  #sweepAtMs = NEVER
  #cancelSweep: (() => void) | undefined
  readonly #onEmpty: (() => void)[] = []

  constructor(deps: RowQueueDeps<Ask>) {
    this.#deps = deps
  }

  /** Rows no worker has taken yet. */
  get waiting(): number {
    return this.ahead(BACKGROUND_PRIORITY)
  }

  /** Rows no worker has taken yet that go before, or beside, one of `priority`. */
  ahead(priority: number): number {
    let rows = 0
    for (let level = 0; level < priority; level++) rows += this.#waitingRows[level] ?? 0
    return rows
  }

  /** When the ask came that is served next; undefined where none waits. Monotonic. */
  get oldestMs(): number | undefined {
    for (const source of this.#sources()) for (const { queuedAtMs } of source) return queuedAtMs
    return undefined
  }

  /** Asks no answer was given to. */
  get unanswered(): number {
    const waiting = this.#levels.reduce((sum, { size }) => sum + size, 0)
    return waiting + this.#again.size + this.#running.size
  }

  /** Whether one of `priority` finds no room. */
  isFull(priority: number): boolean {
    return this.ahead(Math.max(priority, PRIORITY_LEVELS)) >= this.#deps.maxRows
  }

  /** Rejects with CANCELLED when its signal aborts and with TIMEOUT after its deadline, wherever the rows then are. */
  push(ask: Ask, { signal, deadlineMs, priority = DEFAULT_PRIORITY }: Schedule): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const nowMs = this.#deps.clock.monotonicMs()
      if (signal?.aborted) {
        this.#deps.onFail(nowMs)
        return reject(this.#cancelled())
      }
      const pending: Pending<Ask, Answer> = {
        ask,
        rows: this.#deps.rowsOf(ask),
        priority,
        queuedAtMs: nowMs,
        expiresAtMs: deadlineMs === undefined ? NEVER : nowMs + deadlineMs,
        resolve,
        reject,
        unlisten: undefined,
        retried: false,
        settled: false,
      }
      if (signal) pending.unlisten = onAbort(signal, () => this.fail(pending, this.#cancelled()))
      this.#levels[priority - 1]?.add(pending)
      this.#countWaiting(pending, 1)
      this.#sweepBy(pending.expiresAtMs)
    })
  }

  /**
   * The next batch, the most urgent first and of those the oldest: asks that may share one, up to `maxRows` rows or the
   * first ask alone; what is to be retried goes alone, lest it takes others along. Empty where all that waited was
   * past its deadline.
   */
  take(maxRows: number): readonly Pending<Ask, Answer>[] {
    const nowMs = this.#deps.clock.monotonicMs()
    const batch: Pending<Ask, Answer>[] = []
    let rows = 0
    for (const source of this.#sources())
      for (const pending of source) {
        // The timer that tells it may itself be late, in a busy process.
        if (pending.expiresAtMs <= nowMs) {
          this.fail(pending, this.#tooLate())
          continue
        }
        const [first] = batch
        if (first && !this.#mayFollow(first, pending, rows, maxRows)) return batch
        source.delete(pending)
        this.#countWaiting(pending, -1)
        this.#running.add(pending)
        batch.push(pending)
        rows += pending.rows
      }
    return batch
  }

  /** What the next batch is made of: what runs in the background joins nobody's. */
  #sources(): readonly Set<Pending<Ask, Answer>>[] {
    if (this.#again.size > 0) return [this.#again]
    return this.ahead(PRIORITY_LEVELS) > 0 ? this.#levels.slice(0, PRIORITY_LEVELS) : this.#levels
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
    this.#countWaiting(pending, 1)
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
    return [...this.#levels.flatMap((level) => [...level]), ...this.#again, ...this.#running]
  }

  #countWaiting({ priority, rows }: Pending<Ask, Answer>, sign: 1 | -1): void {
    const level = priority - 1
    this.#waitingRows[level] = (this.#waitingRows[level] ?? 0) + sign * rows
  }

  #forget(pending: Pending<Ask, Answer>): boolean {
    if (pending.settled) return false
    pending.settled = true
    pending.unlisten?.()
    if (!this.#running.delete(pending)) {
      this.#countWaiting(pending, -1)
      if (!this.#levels[pending.priority - 1]?.delete(pending)) this.#again.delete(pending)
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
