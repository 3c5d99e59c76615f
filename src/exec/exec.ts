import type { Resources } from '@gyre/sdk/wire/resources'

/** Something to be run elsewhere: it speaks to the server over HTTP wherever it runs. */
export interface Job {
  /** Unique among the jobs of this server; `run_1/fit/2`. */
  readonly name: string
  /** What the process is told through its environment; asked for when it starts, not while it is queued. */
  environment(): Readonly<Record<string, string>>
  /** Ended by force when it runs longer; time in the queue does not count. */
  readonly timeoutMs: number
  /** Takes what it prints, as it comes. */
  readonly output?: (text: string) => void
  /** What it gets at least between being asked to stop and being made to. */
  readonly graceMs?: number
  /** It starts when so much is free, after those that came before it; unless told it takes a place alone. */
  readonly resources?: Resources | undefined
  /** What a process is told that is started ahead of a job like this one. */
  readonly ahead?: Readonly<Record<string, string>> | undefined
}

export type JobEnd =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'killed'; readonly signal: string }
  | { readonly kind: 'timed-out' }
  | { readonly kind: 'out-of-memory'; readonly askedBytes: number; readonly usedBytes: number }
  | { readonly kind: 'cancelled' }

export interface RunningJob {
  readonly name: string
  /** Resolves once the job has ended, however it ended; `tail` holds the last lines it printed. */
  readonly ended: Promise<{ readonly end: JobEnd; readonly tail: string }>
  /** Asks it to stop (SIGTERM), then ends it by force after `graceMs`; a queued one never starts. */
  cancel(graceMs: number): void
}

/** Where jobs run; one adapter per kind of place. */
export interface Exec {
  readonly driver: string
  /** `survivesServer`: a job goes on when the server stops, and must show by heartbeat that it lives. */
  readonly can: { readonly survivesServer: boolean }
  /** A job is about to come: whatever can be made ready for it without knowing more of it, may. */
  expect(ahead?: Job['ahead']): void
  /** Throws INVALID_ARGUMENT naming what no job here can have, however long it waits: `step fit.resources.gpu`. */
  readonly check: (field: string, resources: Resources) => void
  /** Starts it, or queues it while others run. Throws OVERLOADED (queue full), UNAVAILABLE (closed). */
  start(job: Job): RunningJob
  /** Ends what still runs and drops what is queued. */
  close(): Promise<void>
}
