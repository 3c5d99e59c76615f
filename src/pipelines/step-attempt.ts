import type { StepSpec } from '@gyre/sdk/wire/pipeline'
import type { Context } from '../core/context.ts'
import { durationMs } from '../core/duration.ts'
import { GyreError } from '../core/errors.ts'
import type { Sleep } from '../core/sleep.ts'
import type { Exec, Job, RunningJob } from '../exec/exec.ts'
import type { RunLogs } from '../store/run-logs.ts'
import type { BuiltinStep } from './builtin.ts'
import { performItems, type FanOuts } from './fan-out.ts'
import { interrupt, isInterruption, limitsOf, outOfTime, timeLeft } from './interruption.ts'
import { wasInterrupted } from './interrupted.ts'
import { describeEnd, endCode, processEnd } from './job-end.ts'
import { attemptName, keepLease, type LeasedStep } from './leased-step.ts'
import {
  failureFrom,
  failureOf,
  loadStep,
  resourcesOf,
  stepSpecOf,
  type PipelineRow,
} from './step-store.ts'
import type { StepProcesses } from './step-processes.ts'
import type { StepTask, TaskDeps } from './step-task.ts'
import {
  begin,
  explain,
  fail,
  reuse,
  succeed,
  type Conclude,
  type TransitionDeps,
} from './step-transition.ts'

/** A built-in step has no time-out of its own. */
const BUILTIN_TIMEOUT_MS = 30 * 60_000

export interface AttemptDeps extends TransitionDeps, TaskDeps {
  readonly exec: Exec
  readonly logs: Pick<RunLogs, 'write'>
  readonly processes: StepProcesses
  readonly fanOuts: FanOuts
  readonly sleep: Sleep
  /**
   * The environment of a step's process: where the server is, and a pass for `name` (`RUN/STEP/FENCE`), which
   * is all it may act for. Asked for when the process starts.
   */
  environment(
    ctx: Context,
    step: { readonly name: string; readonly timeoutMs: number },
  ): Readonly<Record<string, string>>
  /** What a process may be told that is started ahead of a step like this one. */
  ahead(spec: StepSpec): Job['ahead']
}

/** The server stops, or somebody has cancelled the pipeline run. */
export interface Signals {
  readonly stopping: AbortSignal
  readonly cancelling: AbortSignal
}

/** Brings one pending step to its end: from the cache, here, or in a process of its own. */
export async function attemptStep(
  deps: AttemptDeps,
  ctx: Context,
  task: StepTask,
  { stopping, cancelling }: Signals,
): Promise<void> {
  if (await reuse(deps, ctx, task)) return
  // What follows a step that runs will most likely run too.
  deps.exec.expect(deps.ahead(task.spec))
  const step = await begin(deps, ctx, task)
  try {
    const conclude = await perform(deps, ctx, task, step, AbortSignal.any([stopping, cancelling]))
    if (conclude) await succeed(deps, ctx, step, conclude)
  } catch (thrown) {
    // A step cut short by the server's own end is not a failure: it starts over at the next start.
    if (stopping.aborted) return
    await concludeFailure(deps, ctx, task, step, thrown)
  }
}

/** A step that may go on after a kill does; any other has failed. */
async function concludeFailure(
  deps: AttemptDeps,
  ctx: Context,
  { spec }: StepTask,
  step: LeasedStep,
  thrown: unknown,
): Promise<void> {
  let reason = thrown
  if (limitsOf(spec) && wasInterrupted(thrown)) {
    try {
      if (await interrupt(deps, ctx, step, thrown)) return
    } catch (refused) {
      reason = refused
    }
  }
  await fail(deps, ctx, step, failureFrom(reason))
}

/** What is to be written at the step's end, or undefined when its own process has brought that about already. */
async function perform(
  deps: AttemptDeps,
  ctx: Context,
  task: StepTask,
  step: LeasedStep,
  stopping: AbortSignal,
): Promise<Conclude | undefined> {
  const { builtins, leases } = deps
  const { spec, inputs, extra, pipeline } = task
  const rest: Omit<BuiltinStep<'gate'>, 'spec'> = {
    inputs,
    extra,
    runId: step.run_id,
    codeRef: pipeline.code_ref,
    isRepeat: pipeline.repeats !== null,
  }
  switch (spec.kind) {
    case 'training-set': {
      const work = builtins['training-set'].run(ctx, { spec, ...rest })
      const result = await keepLease(leases, step, work)
      return async () => result
    }
    case 'register':
      return (tx) => builtins.register.write(tx, ctx, { spec, ...rest })
    case 'gate':
      await runProcess(deps, ctx, pipeline, step, { timeoutMs: BUILTIN_TIMEOUT_MS })
      return undefined
    case 'module':
    case 'python':
      if (spec.each) return keepLease(leases, step, performItems(deps, ctx, task, step, stopping))
      await runProcess(deps, ctx, pipeline, step, await timesOf(deps, ctx, step, spec))
      return undefined
  }
}

/** How long an attempt's process may take. */
interface Times {
  readonly timeoutMs: number
  readonly graceMs?: number
  /** The limit of the step as a whole that a process that takes longer has come to. */
  readonly limit?: string
}

async function timesOf(
  deps: AttemptDeps,
  ctx: Context,
  step: LeasedStep,
  spec: Extract<StepSpec, { kind: 'module' | 'python' }>,
): Promise<Times> {
  const timeoutMs = durationMs(spec.timeout, 'timeout')
  if (!spec.resume) return { timeoutMs }
  const left = await timeLeft(deps, ctx, step, spec.resume)
  const graceMs = durationMs(spec.resume.grace, 'grace')
  if (timeoutMs <= left.ms) return { timeoutMs, graceMs }
  return { timeoutMs: left.ms, graceMs, limit: left.limit }
}

/** Resolves once the process has ended and its step with it; throws STEP_FAILED when it reported nothing. */
async function runProcess(
  deps: AttemptDeps,
  ctx: Context,
  pipeline: PipelineRow,
  step: LeasedStep,
  { timeoutMs, graceMs, limit }: Times,
): Promise<void> {
  const spec = stepSpecOf(pipeline, step.step)
  const key = { pipelineRunId: pipeline.id, step: step.step, fence: step.fence }
  const name = attemptName(key)
  const { end, tail } = await runJob(deps, ctx, step, {
    name,
    timeoutMs,
    ...(graceMs !== undefined && { graceMs }),
    resources: resourcesOf(spec),
    ahead: deps.ahead(spec),
    environment: () => ({
      ...deps.environment(ctx, { name, timeoutMs }),
      GYRE_PIPELINE_RUN: pipeline.id,
      GYRE_STEP: step.step,
      GYRE_FENCE: String(step.fence),
    }),
  })
  const row = await loadStep(deps.catalog.read, pipeline.id, step.step)
  if (row.fence !== step.fence) return
  const told = `step ${step.step} ${describeEnd(end)}`
  const isLate = end.kind === 'timed-out'
  if (row.state === 'leased') {
    if (isLate && limit !== undefined) throw outOfTime(step, limit, row.attempt)
    throw new GyreError(
      endCode(end),
      lines(end.kind === 'out-of-memory' ? told : `${told} without reporting`, tail),
      { step: step.step, ...processEnd(end), interrupted: isInterruption(end) },
    )
  }
  const error = failureOf(row)
  if (row.state !== 'failed' || !error) return
  const message = lines(isLate ? told : '', error.message, tail)
  await explain(deps, ctx, step, { ...error, ...(isLate && { code: 'TIMEOUT' }), message })
}

/** Runs a job to its end; what it prints is kept with the step's run. Throws what starting it throws. */
async function runJob(
  { exec, leases, logs, processes }: AttemptDeps,
  ctx: Context,
  step: LeasedStep,
  job: Job,
): RunningJob['ended'] {
  const log = logs.write(ctx, step.run_id)
  try {
    const ended = processes.ended(exec.start({ ...job, output: (text) => log.add(text) }))
    // A process that ends with this server needs no heartbeat, and one that computes cannot send any.
    return await (exec.can.survivesServer ? ended : keepLease(leases, step, ended))
  } finally {
    await log.close()
  }
}

function lines(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join('\n')
}
