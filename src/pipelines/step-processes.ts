import type { RunningJob } from '../exec/exec.ts'

/** A process that has reported has nothing more to do; native libraries sometimes never let one end. */
const REPORTED_GRACE_MS = 10_000

type Ended = Awaited<RunningJob['ended']>

const SUCCEEDED: Ended = { end: { kind: 'exited', code: 0 }, tail: '' }

interface Underway {
  readonly job: RunningJob
  readonly letGo: () => void
}

/** The processes of the steps under way, by the name of the attempt. */
export interface StepProcesses {
  /** Resolves with how the job ended. */
  ended(job: RunningJob): RunningJob['ended']
  /**
   * The attempt's outcome is in the catalog: its process ends by itself within ten seconds, or by force. Nobody needs to
   * wait for that where it succeeded; of one that failed the last lines are wanted.
   */
  reported(name: string, succeeded: boolean): void
  /** Ends the processes of a run, those too that start from now on: SIGTERM, and after `graceMs` by force. */
  cancel(pipelineRunId: string, graceMs: number): void
  /** The run has ended. */
  forget(pipelineRunId: string): void
}

export function createStepProcesses(): StepProcesses {
  const jobs = new Map<string, Underway>()
  const graces = new Map<string, number>()
  return {
    async ended(job) {
      const done = new Promise<Ended>((letGo) => {
        jobs.set(job.name, { job, letGo: () => letGo(SUCCEEDED) })
      })
      void job.ended.finally(() => jobs.delete(job.name))
      const graceMs = graces.get(runOf(job.name))
      if (graceMs !== undefined) job.cancel(graceMs)
      return Promise.race([job.ended, done])
    },
    reported(name, succeeded) {
      const underway = jobs.get(name)
      underway?.job.cancel(REPORTED_GRACE_MS)
      if (succeeded) underway?.letGo()
    },
    cancel(pipelineRunId, graceMs) {
      graces.set(pipelineRunId, graceMs)
      for (const [name, { job }] of jobs) if (runOf(name) === pipelineRunId) job.cancel(graceMs)
    },
    forget: (pipelineRunId) => void graces.delete(pipelineRunId),
  }
}

/** The run of an attempt, by its name. */
function runOf(name: string): string {
  return name.slice(0, name.indexOf('/'))
}
