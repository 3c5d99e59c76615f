import { childEnvironment } from '../core/config.ts'
import type { Log } from '../core/log.ts'
import { siblingUrl, spawnThread } from '../core/spawn.ts'
import type { Command, Reply } from './protocol.ts'
import type { Timers } from './timers.ts'

/** A worker's answer to a command, or that it died before answering. */
export type Outcome =
  | Exclude<Reply, { kind: 'stray' }>
  | { readonly kind: 'crashed'; readonly reason: string }

/** The server's end of one inference worker. */
export interface WorkerLink {
  /** One command at a time. A worker that takes longer than `timeoutMs` is ended and counts as crashed. */
  ask(command: Command, timeoutMs: number): Promise<Outcome>
  tell(command: Extract<Command, { kind: 'drop' }>): void
  /** Ends the worker; a command still open is answered `crashed`. */
  stop(): Promise<void>
}

export interface WorkerLinkDeps {
  readonly log: Log
  readonly timers: Timers
  /** Called once if the worker ends without having been stopped, after the open command was answered. */
  readonly onCrash: (reason: string) => void
}

/** Heap of a worker's JavaScript; a transform that eats more ends its worker, not the server. */
const WORKER_HEAP_MB = 512

/** Starts an inference thread. Its first outcome, `ready` or `crashed`, comes from `started`. */
export function startWorker({ log, timers, onCrash }: WorkerLinkDeps): {
  readonly link: WorkerLink
  readonly started: Promise<Outcome>
} {
  const thread = spawnThread(siblingUrl('./worker', import.meta.url), {
    env: childEnvironment(),
    resourceLimits: { maxOldGenerationSizeMb: WORKER_HEAP_MB },
    stdout: true,
    stderr: true,
  })
  let ended = false
  let stopping = false
  let answer: ((outcome: Outcome) => void) | undefined
  let cancelWatchdog: (() => void) | undefined

  const settle = (outcome: Outcome): void => {
    const open = answer
    answer = undefined
    cancelWatchdog?.()
    cancelWatchdog = undefined
    open?.(outcome)
  }
  const end = (reason: string): void => {
    if (ended) return
    ended = true
    settle({ kind: 'crashed', reason })
    void thread.terminate()
    if (!stopping) onCrash(reason)
  }
  const expect = (timeoutMs: number): Promise<Outcome> =>
    new Promise((resolve) => {
      if (ended) return resolve({ kind: 'crashed', reason: 'the inference worker has ended' })
      answer = resolve
      cancelWatchdog = timers.after(timeoutMs, () => end(`no answer within ${timeoutMs} ms`))
    })

  thread.on('message', (reply: Reply | null) => {
    if (reply?.kind === 'stray')
      log.warn({ message: reply.message }, 'unhandled rejection in a model')
    // User code shares the port: an answer nobody asked for means that it writes to it.
    else if (answer && reply) settle(reply)
    else end('user code wrote to the port of its inference worker')
  })
  thread.on('messageerror', (error) => end(error.message))
  thread.on('error', (error) => end(error instanceof Error ? error.message : String(error)))
  thread.on('exit', (code) => end(`the inference worker exited with code ${code}`))
  thread.stdout.on('data', (chunk: Buffer) => log.info({ text: chunk.toString() }, 'model output'))
  thread.stderr.on('data', (chunk: Buffer) => log.warn({ text: chunk.toString() }, 'model output'))

  const link: WorkerLink = {
    ask(command, timeoutMs) {
      const outcome = expect(timeoutMs)
      if (!ended) thread.postMessage(command)
      return outcome
    },
    tell: (command) => thread.postMessage(command),
    async stop() {
      stopping = true
      end('stopped')
      await thread.terminate()
    },
  }
  return { link, started: expect(START_TIMEOUT_MS) }
}

/** Loading onnxruntime takes 0.1 s; a machine that swaps may need many times that. */
const START_TIMEOUT_MS = 60_000
