import type { Worker } from 'node:worker_threads'
import { childEnvironment } from '../core/config.ts'
import type { Log } from '../core/log.ts'
import { siblingUrl, spawnThread } from '../core/spawn.ts'
import { createGuardMemory, mayBeEnded } from './native-guard.ts'
import { START, type Answer, type Command, type Reply, type Request } from './protocol.ts'
import { threadClockMs } from './thread-clock.ts'
import type { Timers } from './timers.ts'

/** When a request was on its way, by `threadClockMs`. */
export interface Trip {
  readonly sentMs: number
  /** The worker set to work. */
  readonly beganMs: number
  readonly endedMs: number
  /** Its answer was there. */
  readonly backMs: number
}

/** A worker's answer to a request, or that it died before answering. */
export type Outcome =
  | (Answer & { readonly trip?: Trip })
  | { readonly kind: 'crashed'; readonly reason: string }

export interface LinkDeps {
  readonly log: Log
  readonly timers: Timers
  /** Called once if the worker ends without having been stopped. */
  readonly onCrash: (reason: string) => void
}

/** The server's end of whatever runs models. One request is open at a time. */
export interface Link {
  /** `ready` once requests are taken. */
  readonly started: Promise<Outcome>
  /** What takes longer than `timeoutMs` is ended and counts as crashed. Never rejects. */
  ask(request: Request, timeoutMs: number): Promise<Outcome>
  /** Frees a session that no request is open for. */
  drop(session: number): void
  /** Ends it; a request still open is answered `crashed`. */
  stop(): Promise<void>
}

/** Heap of a worker's JavaScript; a transform that eats more ends its worker, not the server. */
const WORKER_HEAP_MB = 512

/** Loading onnxruntime takes 0.1 s; a machine that swaps may need many times that. */
const START_TIMEOUT_MS = 60_000

/** The server's end of one inference thread. One request is open at a time. */
export class WorkerLink implements Link {
  /** `ready` once the worker takes requests. */
  readonly started: Promise<Outcome>
  readonly #deps: LinkDeps
  readonly #thread: Worker
  readonly #guard = createGuardMemory()
  readonly #gone: Promise<unknown>
  #open:
    | {
        readonly id: number
        readonly sentMs: number
        readonly resolve: (outcome: Outcome) => void
      }
    | undefined
  #cancelWatchdog: (() => void) | undefined
  #nextId = START
  #ended = false
  #stopping = false

  constructor(deps: LinkDeps) {
    this.#deps = deps
    this.#thread = spawnThread(siblingUrl('./worker', import.meta.url), {
      workerData: this.#guard,
      env: childEnvironment(),
      resourceLimits: { maxOldGenerationSizeMb: WORKER_HEAP_MB },
      stdout: true,
      stderr: true,
    })
    this.#gone = new Promise((resolve) => this.#thread.once('exit', resolve))
    this.#listen()
    this.started = this.#expect(START_TIMEOUT_MS)
  }

  /** A worker that takes longer than `timeoutMs` is ended and counts as crashed. Never rejects. */
  ask(request: Request, timeoutMs: number): Promise<Outcome> {
    const sentMs = threadClockMs()
    this.#post({ ...request, id: this.#nextId })
    return this.#expect(timeoutMs, sentMs)
  }

  /** Frees a session that no request is open for. */
  drop(session: number): void {
    this.#post({ kind: 'drop', session })
  }

  /** Ends the worker, once onnxruntime has let go of it; a request still open is answered `crashed`. */
  async stop(): Promise<void> {
    this.#stopping = true
    this.#end('stopped')
    await this.#gone
  }

  #post(command: Command): void {
    this.#thread.postMessage(command)
  }

  #expect(timeoutMs: number, sentMs = 0): Promise<Outcome> {
    const id = this.#nextId++
    return new Promise((resolve) => {
      if (this.#ended) return resolve({ kind: 'crashed', reason: 'the inference worker has ended' })
      this.#open = { id, sentMs, resolve }
      this.#cancelWatchdog = this.#deps.timers.after(timeoutMs, () =>
        this.#end(`no answer within ${timeoutMs} ms`),
      )
    })
  }

  #listen(): void {
    const { log } = this.#deps
    const thread = this.#thread
    thread.on('message', (reply: Reply | null) => this.#onReply(reply))
    thread.on('messageerror', (error) => this.#end(error.message))
    thread.on('error', (error) => this.#end(error instanceof Error ? error.message : String(error)))
    thread.on('exit', (code) => this.#end(`the inference worker exited with code ${code}`))
    thread.stdout.on('data', (text: Buffer) => log.info({ text: text.toString() }, 'model output'))
    thread.stderr.on('data', (text: Buffer) => log.warn({ text: text.toString() }, 'model output'))
  }

  #onReply(reply: Reply | null): void {
    if (reply?.kind === 'answer' && reply.id === this.#open?.id) {
      const { answer, beganMs, endedMs } = reply
      const trip = { sentMs: this.#open.sentMs, beganMs, endedMs, backMs: threadClockMs() }
      this.#settle({ ...answer, trip })
    } else if (reply?.kind === 'stray')
      this.#deps.log.warn({ reason: reply.message }, 'a model left a promise to reject')
    // User code shares the port; taken for answers, its messages would go to other callers' rows.
    else this.#end('user code wrote to the port of its inference worker')
  }

  #settle(outcome: Outcome): void {
    const open = this.#open
    this.#open = undefined
    this.#cancelWatchdog?.()
    this.#cancelWatchdog = undefined
    open?.resolve(outcome)
  }

  #end(reason: string): void {
    if (this.#ended) return
    this.#ended = true
    this.#settle({ kind: 'crashed', reason })
    if (mayBeEnded(this.#guard)) void this.#thread.terminate()
    if (!this.#stopping) this.#deps.onCrash(reason)
  }
}
