/** Something to be run elsewhere: it speaks to the server over HTTP wherever it runs. */
export interface Job {
  /** Unique among the jobs of this server; `pipe_1/fit/2`. */
  readonly name: string
  /** What the process is told through its environment. */
  readonly environment: Readonly<Record<string, string>>
  /** Ended by force when it takes longer. */
  readonly timeoutMs: number
}

export type JobEnd =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'killed'; readonly signal: string }
  | { readonly kind: 'timed-out' }
  | { readonly kind: 'cancelled' }

export interface RunningJob {
  readonly name: string
  /** Resolves once the job has ended, however it ended; `tail` holds the last lines it printed. */
  readonly ended: Promise<{ readonly end: JobEnd; readonly tail: string }>
  /** Asks it to stop (SIGTERM), then ends it by force after `graceMs`. */
  cancel(graceMs: number): void
}

/** Where jobs run; one adapter per kind of place. */
export interface Exec {
  readonly driver: string
  readonly can: { readonly survivesServer: boolean }
  start(job: Job): RunningJob
  /** Ends what still runs. */
  close(): Promise<void>
}
