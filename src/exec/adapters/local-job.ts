import type { ChildProcess } from 'node:child_process'
import type { Resources } from '@gyre/sdk/wire/resources'
import { errnoOf } from '../../core/errors.ts'
import type { Job, JobEnd, RunningJob } from '../exec.ts'
import { forkRunner } from './fork-runner.ts'
import { groupMemory } from './group-memory.ts'
import type { Spare } from './local-spare.ts'
import { createTail } from './output-tail.ts'

/** What a job that is out of time gets between SIGTERM and SIGKILL. */
const TIMEOUT_GRACE_MS = 5_000

/** A shell's exit code for a program that could not be run. */
const NOT_STARTED = 127

/** How often it is looked how much memory a job has that may have so much alone: some 10 ms of reading each time. */
const LOOK_MS = 500

/** What ends a job from here. */
type Stopped = Exclude<JobEnd, { kind: 'exited' | 'killed' }>

/** A job that has not started yet; `launch` starts its process, once, unless it was cancelled before. */
export interface LocalJob extends RunningJob {
  readonly resources: Resources
  readonly ahead: Job['ahead']
  launch(gpus: readonly string[]): void
}

/** Its process is the spare one, where there is one. */
export function createLocalJob(runner: URL, job: Job, spare?: Spare): LocalJob {
  let stopped: Stopped | undefined
  let child: ChildProcess | undefined
  let force: NodeJS.Timeout | undefined
  let settle: ((ended: Awaited<RunningJob['ended']>) => void) | undefined
  const ended: RunningJob['ended'] = new Promise((resolve) => {
    settle = resolve
  })

  function stop(reason: Stopped, graceMs: number): void {
    stopped ??= reason
    const target = child
    if (!target) return settle?.({ end: stopped, tail: '' })
    if (reason.kind === 'out-of-memory') return signalGroup(target, 'SIGKILL')
    signalGroup(target, 'SIGTERM')
    const patience = Math.max(graceMs, job.graceMs ?? 0)
    force ??= setTimeout(() => signalGroup(target, 'SIGKILL'), patience)
  }

  /** Ends it at once when it has more than it asked for: there is no time for a grace. */
  async function look({ pid }: ChildProcess, askedBytes: number): Promise<void> {
    if (pid === undefined) return
    const usedBytes = await groupMemory(pid, askedBytes)
    if (usedBytes > askedBytes) stop({ kind: 'out-of-memory', askedBytes, usedBytes }, 0)
  }

  function watch(started: ChildProcess): void {
    const tail = createTail([started.stdout, started.stderr], job.output)
    const limit = setTimeout(() => stop({ kind: 'timed-out' }, TIMEOUT_GRACE_MS), job.timeoutMs)
    const askedBytes = job.resources?.memoryBytes
    const looking =
      askedBytes === undefined
        ? undefined
        : setInterval(() => void look(started, askedBytes), LOOK_MS)
    started.once('exit', () => clearInterval(looking))
    // What a step's process has started itself must not outlive it, nor hold its pipes open.
    started.once('exit', () => signalGroup(started, 'SIGKILL'))
    started.once('error', (error) => tail.add(error.message))
    started.once('close', (code, signal) => {
      clearTimeout(limit)
      clearTimeout(force)
      settle?.({ end: endOf(stopped, code, signal), tail: tail.lines() })
    })
  }

  function launch(gpus: readonly string[]): void {
    if (stopped) return
    try {
      child = begin(runner, job, gpus, spare)
      watch(child)
    } catch (error) {
      job.output?.(`${String(error)}\n`)
      settle?.({ end: { kind: 'exited', code: NOT_STARTED }, tail: String(error) })
    }
  }

  return {
    name: job.name,
    resources: job.resources ?? {},
    ahead: job.ahead,
    ended,
    launch,
    cancel: (graceMs) => stop({ kind: 'cancelled' }, graceMs),
  }
}

function begin(
  runner: URL,
  job: Job,
  gpus: readonly string[],
  spare: Spare | undefined,
): ChildProcess {
  const devices = gpus.length > 0 ? { CUDA_VISIBLE_DEVICES: gpus.join(',') } : {}
  const environment = { ...job.environment(), ...devices }
  const ready = spare?.take()
  if (!ready) return forkRunner(runner, environment)
  ready.send({ environment })
  return ready
}

function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, signal)
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error
  }
}

function endOf(stopped: Stopped | undefined, code: number | null, signal: string | null): JobEnd {
  if (stopped) return stopped
  return signal === null ? { kind: 'exited', code: code ?? 1 } : { kind: 'killed', signal }
}
