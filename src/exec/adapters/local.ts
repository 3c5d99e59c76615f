import type { ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { childEnvironment } from '../../core/config.ts'
import { GyreError } from '../../core/errors.ts'
import { spawnProcess } from '../../core/spawn.ts'
import type { Exec, JobEnd, RunningJob } from '../exec.ts'

/** Lines of output kept to explain a failure. */
const TAIL_LINES = 40

export interface LocalExecDeps {
  /** The module a job's process runs. */
  readonly runner: URL
  readonly maxJobs: number
}

/** Runs each job as a child process of the server; a job over `maxJobs` is refused with OVERLOADED. */
export function openLocalExec({ runner, maxJobs }: LocalExecDeps): Exec {
  const running = new Map<string, RunningJob>()
  return {
    driver: 'local',
    can: { survivesServer: false },
    start(job) {
      if (running.size >= maxJobs)
        throw new GyreError('OVERLOADED', `${maxJobs} jobs run already`, { maxJobs })
      const child = spawnProcess(runner, [], {
        env: childEnvironment(job.environment),
        stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      })
      const started = watch(child, job.name, job.timeoutMs)
      running.set(job.name, started)
      void started.ended.then(() => running.delete(job.name))
      return started
    },
    async close() {
      const jobs = [...running.values()]
      for (const job of jobs) job.cancel(2_000)
      await Promise.all(jobs.map((job) => job.ended))
    },
  }
}

function watch(child: ChildProcess, name: string, timeoutMs: number): RunningJob {
  const tail: string[] = []
  for (const stream of [child.stdout, child.stderr]) if (stream) keepTail(stream, tail)
  let why: 'timed-out' | 'cancelled' | undefined
  let force: NodeJS.Timeout | undefined
  const stop = (reason: typeof why, graceMs: number): void => {
    why ??= reason
    child.kill('SIGTERM')
    force ??= setTimeout(() => child.kill('SIGKILL'), graceMs)
  }
  const limit = setTimeout(() => stop('timed-out', 5_000), timeoutMs)
  const ended = new Promise<{ end: JobEnd; tail: string }>((resolve) => {
    child.once('error', (error) => {
      clearTimeout(limit)
      resolve({ end: { kind: 'exited', code: 127 }, tail: error.message })
    })
    child.once('close', (code, signal) => {
      clearTimeout(limit)
      clearTimeout(force)
      resolve({ end: endOf(why, code, signal), tail: tail.join('\n') })
    })
  })
  return { name, ended, cancel: (graceMs) => stop('cancelled', graceMs) }
}

function endOf(
  why: 'timed-out' | 'cancelled' | undefined,
  code: number | null,
  signal: string | null,
): JobEnd {
  if (why) return { kind: why }
  return signal === null ? { kind: 'exited', code: code ?? 1 } : { kind: 'killed', signal }
}

function keepTail(stream: Readable, tail: string[]): void {
  createInterface({ input: stream }).on('line', (line) => {
    tail.push(line)
    if (tail.length > TAIL_LINES) tail.shift()
  })
}
