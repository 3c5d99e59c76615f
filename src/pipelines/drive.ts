import type { PipelineSpec } from '@gyre/sdk/wire/pipeline'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import { upstreamOf } from './graph.ts'
import type { Sleep } from '../core/sleep.ts'
import { lostAttempts } from './lost-attempts.ts'
import { endRun, type EndDeps } from './pipeline-run.ts'
import { retriesOf } from './retry.ts'
import { attemptStep, type AttemptDeps, type Signals } from './step-attempt.ts'
import { taskOf } from './step-task.ts'
import {
  failureOf,
  loadPipelineRow,
  loadSteps,
  specOf,
  type PipelineRow,
  type StepRow,
} from './step-store.ts'
import { refuse } from './step-transition.ts'

export type DriveDeps = AttemptDeps & EndDeps

/**
 * Runs the steps of one pipeline run as they become ready, until all have ended or one has failed for good.
 * Everything it knows is in the catalog, so it may be stopped at any point and started again.
 */
export async function driveRun(
  deps: DriveDeps,
  ctx: Context,
  id: string,
  signals: Signals,
): Promise<void> {
  const { stopping, cancelling } = signals
  const pipeline = await loadPipelineRow(deps.catalog, ctx.project, id)
  const spec = specOf(pipeline)
  const running = new Map<string, Promise<void>>()
  try {
    while (!stopping.aborted) {
      // Taken before the rows are read: a step that ends in between is seen in the next round.
      const underway = new Map(running)
      const rows = await loadSteps(deps.catalog.read, id)
      const lost = rows.some(({ state }) => state === 'failed')
        ? await lostAttempts(deps, ctx, id)
        : NONE_LOST
      const retries = retriesOf(pipeline, rows, lost)
      const failed = rows.find((row) => row.state === 'failed' && !retries.has(row.step))
      const isOver = failed !== undefined || cancelling.aborted
      const startable = isOver
        ? []
        : rows.filter((row) => !underway.has(row.step) && isReady(spec, row, rows))
      const [ready, waitMs] = dueNow(startable, retries, deps.clock.now())
      if (underway.size === 0 && startable.length === 0)
        return await endRun(deps, ctx, pipeline, endOf(id, rows, failed, cancelling))
      for (const row of ready) {
        const attempt = attemptReady(deps, ctx, pipeline, row, rows, signals)
        running.set(
          row.step,
          attempt.finally(() => running.delete(row.step)),
        )
      }
      const called = AbortSignal.any([stopping, cancelling])
      await endOrTime([...underway.values(), ...running.values()], waitMs, deps.sleep, called)
    }
  } finally {
    await Promise.allSettled(running.values())
  }
}

const NONE_LOST: ReadonlyMap<string, number> = new Map()

/** Of the steps that may start those that need not wait for a retry, and how long until the next one of the others. */
function dueNow(
  startable: readonly StepRow[],
  retries: ReadonlyMap<string, Date>,
  now: Date,
): [ready: readonly StepRow[], waitMs: number | undefined] {
  const waitMs = ({ step }: StepRow) => (retries.get(step) ?? now).getTime() - now.getTime()
  const waits = startable.map(waitMs).filter((ms) => ms > 0)
  const ready = startable.filter((row) => waitMs(row) <= 0)
  return [ready, waits.length > 0 ? Math.min(...waits) : undefined]
}

/** Resolves when one of the attempts has ended, when `waitMs` are over, or once `called` off. */
async function endOrTime(
  attempts: readonly Promise<void>[],
  waitMs: number | undefined,
  sleep: Sleep,
  called: AbortSignal,
): Promise<void> {
  if (waitMs === undefined) return Promise.race(attempts)
  const ended = new AbortController()
  const time = sleep(waitMs, AbortSignal.any([called, ended.signal]))
  await Promise.race([...attempts, time]).finally(() => ended.abort())
}

function isReady(spec: PipelineSpec, row: StepRow, rows: readonly StepRow[]): boolean {
  if (row.state !== 'pending' && row.state !== 'failed') return false
  const step = spec.steps.find(({ name }) => name === row.step)
  const upstream = step ? upstreamOf(step) : []
  return rows.every((other) => !upstream.includes(other.step) || other.state === 'succeeded')
}

function endOf(
  id: string,
  rows: readonly StepRow[],
  failed: StepRow | undefined,
  cancelling: AbortSignal,
) {
  if (failed) return whyFailed(failed)
  return cancelling.aborted ? undefined : assertDone(id, rows)
}

function whyFailed(row: StepRow) {
  const { message } = failureOf(row) ?? { message: 'for no stated reason' }
  return { code: 'STEP_FAILED', message: `step ${row.step} failed: ${message}` }
}

function assertDone(id: string, rows: readonly StepRow[]): undefined {
  const stuck = rows.find((row) => row.state !== 'succeeded')
  if (stuck)
    throw new GyreError('INTERNAL', `step ${stuck.step} of ${id} can never run (${stuck.state})`, {
      step: stuck.step,
    })
}

async function attemptReady(
  deps: DriveDeps,
  ctx: Context,
  pipeline: PipelineRow,
  row: StepRow,
  rows: readonly StepRow[],
  signals: Signals,
): Promise<void> {
  try {
    await attemptStep(deps, ctx, await taskOf(deps, ctx, pipeline, row, rows), signals)
  } catch (thrown) {
    if (!signals.stopping.aborted) await refuse(deps, row, thrown)
  }
}
