import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { Job } from '../exec.ts'
import { forkRunner } from './fork-runner.ts'

/** A process that has started and loaded its modules, for the job that comes next. */
export interface Spare {
  /** Starts one for a job as `ahead` says, unless one waits already. */
  prepare(ahead?: Job['ahead']): void
  /** The one that waits, which is nobody else's from now on. */
  take(): ChildProcess | undefined
  /** Resolves once none is there any more that could still write something. */
  close(): Promise<void>
}

/** One that no job has come for ends after `idleMs`. */
export function createSpare(runner: URL, idleMs: number): Spare {
  let waiting: ChildProcess | undefined
  let idle: NodeJS.Timeout | undefined

  function take(): ChildProcess | undefined {
    const taken = waiting
    clearTimeout(idle)
    waiting = undefined
    return taken?.connected ? taken : undefined
  }

  async function close(): Promise<void> {
    const taken = take()
    if (!taken || taken.exitCode !== null) return
    const ended = once(taken, 'exit')
    taken.kill('SIGKILL')
    await ended
  }

  return {
    take,
    close,
    prepare(ahead = {}) {
      if (waiting) return
      const started = forkRunner(runner, { ...ahead, GYRE_SPARE: '1' })
      const forget = (): void => {
        if (waiting === started) take()
      }
      started.once('exit', forget)
      started.once('error', forget)
      waiting = started
      idle = setTimeout(() => void close(), idleMs)
      idle.unref()
    },
  }
}
