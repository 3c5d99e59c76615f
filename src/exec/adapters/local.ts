import { GyreError } from '../../core/errors.ts'
import type { Exec } from '../exec.ts'
import { createAdmission } from './admission.ts'
import { createLocalJob, type LocalJob } from './local-job.ts'
import { createSpare } from './local-spare.ts'
import { thisMachine, type Machine } from './machine.ts'

/** A queue longer than this is a mistake of whoever fills it; a pipeline has some ten steps. */
const MAX_QUEUED = 256
/** What a job may take to end once the server stops. */
const CLOSE_GRACE_MS = 2_000
/** A process that starts takes a core from the job that has just begun; most jobs that are short end sooner. */
const PREPARE_AFTER_MS = 300

export interface LocalExecDeps {
  /** The module a job's process runs. */
  readonly runner: URL
  /** Processes at the same time; the jobs above wait in order. */
  readonly maxJobs: number
  readonly maxQueued?: number
  /** What jobs that name resources share; this machine unless told. */
  readonly machine?: Machine
  /**
   * For a runner that can be started ahead of its job: with GYRE_SPARE it waits for the job's environment as a message,
   * and may make ready what it is told of such jobs.
   * One that nothing has come for ends after so long.
   */
  readonly spareIdleMs?: number
}

/** Runs each job as a child process of the server. */
export function openLocalExec({
  runner,
  maxJobs,
  maxQueued = MAX_QUEUED,
  machine = thisMachine(),
  spareIdleMs,
}: LocalExecDeps): Exec {
  const spare = spareIdleMs === undefined ? undefined : createSpare(runner, spareIdleMs)
  const admission = createAdmission(machine)
  const running = new Set<LocalJob>()
  const queue: LocalJob[] = []
  let closed = false

  /** In the order in which they came: what would fit must not overtake what waits for more, over and over. */
  function startNext(): void {
    while (running.size < maxJobs) {
      const [job] = queue
      const share = job && admission.take(job.resources)
      if (!job || !share) return
      queue.shift()
      running.add(job)
      job.launch(share.gpus)
      // Of a pipeline's steps some come one after the other.
      const prepare = (): void => {
        if (!closed) spare?.prepare(job.ahead)
      }
      const soon = setTimeout(prepare, PREPARE_AFTER_MS)
      void job.ended.finally(() => {
        clearTimeout(soon)
        prepare()
        running.delete(job)
        share.giveBack()
        startNext()
      })
    }
  }

  /** One that is cancelled while it waits must not hold up the others. */
  function leaveQueue(job: LocalJob): void {
    const at = queue.indexOf(job)
    if (at < 0) return
    queue.splice(at, 1)
    startNext()
  }

  return {
    driver: 'local',
    can: { survivesServer: false },
    check: admission.check,
    expect(ahead) {
      if (!closed && running.size < maxJobs) spare?.prepare(ahead)
    },
    start(job) {
      if (closed) throw new GyreError('UNAVAILABLE', `job ${job.name}: the server stops`)
      admission.check(`job ${job.name}.resources`, job.resources ?? {})
      if (queue.length >= maxQueued && (running.size >= maxJobs || queue.length > 0))
        throw new GyreError(
          'OVERLOADED',
          `job ${job.name}: ${running.size} jobs run and ${queue.length} wait already`,
          { maxJobs, maxQueued },
        )
      const queued = createLocalJob(runner, job, spare)
      queue.push(queued)
      void queued.ended.then(() => leaveQueue(queued))
      startNext()
      return queued
    },
    async close() {
      closed = true
      const spareEnded = spare?.close()
      const jobs = [...queue.splice(0), ...running]
      for (const job of jobs) job.cancel(CLOSE_GRACE_MS)
      await Promise.all([spareEnded, ...jobs.map((job) => job.ended)])
    },
  }
}
