import type { Clock } from '../core/clock.ts'
import type { Log } from '../core/log.ts'
import { createCrashRecord } from './crash-record.ts'
import type { PooledSession } from './live-session.ts'
import type { Request } from './protocol.ts'
import type { Timers } from './timers.ts'
import type { Link, LinkDeps, Outcome } from './worker-link.ts'

export type WorkerState = 'down' | 'starting' | 'idle' | 'busy'

export interface WorkerSlotDeps {
  readonly clock: Clock
  readonly timers: Timers
  readonly log: Log
  readonly openLink: (deps: LinkDeps) => Link
  /** The worker is up, with no session loaded. */
  readonly onStart: () => void
  /** The worker died before it was up; another attempt follows. */
  readonly onStartFailed: (outcome: Outcome) => void
  /** The worker has answered and takes the next command. */
  readonly onIdle: () => void
}

/** The waits between a worker's crashes within a minute; the first restart is immediate. */
const BACKOFF_MS = [0, 100, 200, 400, 800, 1_600, 3_200, 6_400]
const MAX_BACKOFF_MS = 10_000

/** One place for a worker. The worker in it may die; then another takes its place. */
export class WorkerSlot {
  /** Ids of the sessions the present worker holds. */
  readonly loaded = new Set<number>()
  readonly #deps: WorkerSlotDeps
  readonly #crashes = createCrashRecord()
  #state: WorkerState = 'down'
  #link: Link | undefined
  /** Whose code ran here last: who is to blame when the worker dies, even between two commands. */
  #serving: PooledSession | undefined
  #restarts = 0
  #cancelRestart: (() => void) | undefined

  constructor(deps: WorkerSlotDeps) {
    this.#deps = deps
  }

  get state(): WorkerState {
    return this.#state
  }

  get restarts(): number {
    return this.#restarts
  }

  async start(): Promise<void> {
    const { log, timers, openLink, onStart, onStartFailed } = this.#deps
    this.#state = 'starting'
    const onCrash = (reason: string): void => this.#onCrash(reason)
    this.#link = openLink({ log, timers, onCrash })
    const outcome = await this.#link.started
    if (outcome.kind === 'crashed') return onStartFailed(outcome)
    this.#state = 'idle'
    onStart()
  }

  /** Gives the idle worker a command on behalf of `session`. Never rejects. */
  async ask(session: PooledSession, request: Request, timeoutMs: number): Promise<Outcome> {
    if (!this.#link) return { kind: 'crashed', reason: 'the inference worker is down' }
    this.#state = 'busy'
    this.#serving = session
    const outcome = await this.#link.ask(request, timeoutMs)
    if (outcome.kind === 'crashed') return outcome
    this.#state = 'idle'
    this.#deps.onIdle()
    return outcome
  }

  /** Frees a session where it is loaded. */
  drop(id: number): void {
    if (this.loaded.delete(id)) this.#link?.drop(id)
  }

  async stop(): Promise<void> {
    this.#cancelRestart?.()
    await this.#link?.stop()
  }

  #onCrash(reason: string): void {
    const { clock, timers, log } = this.#deps
    log.warn({ reason, model: this.#serving?.source.key }, 'an inference worker died')
    this.#state = 'down'
    this.#link = undefined
    this.loaded.clear()
    this.#serving?.crashed(reason)
    this.#serving = undefined
    this.#restarts += 1
    const recent = this.#crashes.note(clock.monotonicMs())
    const backoffMs = BACKOFF_MS[recent - 1] ?? MAX_BACKOFF_MS
    this.#cancelRestart = timers.after(backoffMs, () => void this.start())
  }
}
