import type { RunningJob } from '../exec/exec.ts'

/** A process that has reported has nothing more to do; native libraries sometimes never let one end. */
const REPORTED_GRACE_MS = 10_000

/** The processes of the steps under way, by the name of the attempt. */
export interface StepProcesses {
  /** Resolves with how the job ended. */
  ended(job: RunningJob): RunningJob['ended']
  /** The attempt's outcome is in the catalog: its process ends by itself within ten seconds, or by force. */
  reported(name: string): void
  /** Ends the processes of a run, those too that start from now on: SIGTERM, and after `graceMs` by force. */
  cancel(pipelineRunId: string, graceMs: number): void
  /** The run has ended. */
  forget(pipelineRunId: string): void
}

export function createStepProcesses(): StepProcesses {
  const jobs = new Map<string, RunningJob>()
  const graces = new Map<string, number>()
  return {
    async ended(job) {
      jobs.set(job.name, job)
      const graceMs = graces.get(runOf(job.name))
      if (graceMs !== undefined) job.cancel(graceMs)
      try {
        return await job.ended
      } finally {
        jobs.delete(job.name)
      }
    },
    reported: (name) => jobs.get(name)?.cancel(REPORTED_GRACE_MS),
    cancel(pipelineRunId, graceMs) {
      graces.set(pipelineRunId, graceMs)
      for (const [name, job] of jobs) if (runOf(name) === pipelineRunId) job.cancel(graceMs)
    },
    forget: (pipelineRunId) => void graces.delete(pipelineRunId),
  }
}

/** The run of an attempt, by its name. */
function runOf(name: string): string {
  return name.slice(0, name.indexOf('/'))
}
