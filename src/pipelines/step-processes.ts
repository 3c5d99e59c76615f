import type { RunningJob } from '../exec/exec.ts'

/** A process that has reported has nothing more to do; native libraries sometimes never let one end. */
const REPORTED_GRACE_MS = 10_000

/** The processes of the steps under way, by the name of the attempt. */
export interface StepProcesses {
  /** Resolves with how the job ended. */
  ended(job: RunningJob): RunningJob['ended']
  /** The attempt's outcome is in the catalog: its process ends by itself within ten seconds, or by force. */
  reported(name: string): void
}

export function createStepProcesses(): StepProcesses {
  const jobs = new Map<string, RunningJob>()
  return {
    async ended(job) {
      jobs.set(job.name, job)
      try {
        return await job.ended
      } finally {
        jobs.delete(job.name)
      }
    },
    reported: (name) => jobs.get(name)?.cancel(REPORTED_GRACE_MS),
  }
}
