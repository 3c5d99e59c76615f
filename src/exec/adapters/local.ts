import { GyreError } from '../../core/errors.ts'
import type { Exec } from '../exec.ts'
import { createLocalJob, type LocalJob } from './local-job.ts'
import { createSpare } from './local-spare.ts'

/** A queue longer than this is a mistake of whoever fills it; a pipeline has some ten steps. */
const MAX_QUEUED = 256
/** What a job may take to end once the server stops. */
const CLOSE_GRACE_MS = 2_000

export interface LocalExecDeps {
  /** The module a job's process runs. */
  readonly runner: URL
  /** Processes at the same time; the jobs above wait in order. */
  readonly maxJobs: number
  readonly maxQueued?: number
  /**
   * For a runner that can be started ahead of its job: with GYRE_SPARE it waits for the job's environment as a message.
   * One that nothing has come for ends after so long.
   */
  readonly spareIdleMs?: number
}

/** Runs each job as a child process of the server. */
export function openLocalExec({
  runner,
  maxJobs,
  maxQueued = MAX_QUEUED,
  spareIdleMs,
}: LocalExecDeps): Exec {
  const spare = spareIdleMs === undefined ? undefined : createSpare(runner, spareIdleMs)
  const running = new Set<LocalJob>()
  const queue: LocalJob[] = []
  let closed = false

  function startNext(): void {
    while (running.size < maxJobs) {
      const job = queue.shift()
      if (!job) return
      running.add(job)
      job.launch()
      // Of a pipeline's steps some come one after the other.
      if (!closed) spare?.prepare()
      void job.ended.finally(() => {
        running.delete(job)
        startNext()
      })
    }
  }

  return {
    driver: 'local',
    can: { survivesServer: false },
    expect() {
      if (!closed && running.size < maxJobs) spare?.prepare()
    },
    start(job) {
      if (closed) throw new GyreError('UNAVAILABLE', `job ${job.name}: the server stops`)
      if (running.size >= maxJobs && queue.length >= maxQueued)
        throw new GyreError(
          'OVERLOADED',
          `job ${job.name}: ${maxJobs} jobs run and ${maxQueued} wait already`,
          { maxJobs, maxQueued },
        )
      const queued = createLocalJob(runner, job, spare)
      queue.push(queued)
      startNext()
      return queued
    },
    async close() {
      closed = true
      spare?.close()
      const jobs = [...queue.splice(0), ...running]
      for (const job of jobs) job.cancel(CLOSE_GRACE_MS)
      await Promise.all(jobs.map((job) => job.ended))
    },
  }
}
