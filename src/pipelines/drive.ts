import type { PipelineSpec } from '@gyre/sdk/wire/pipeline'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import { upstreamOf } from './graph.ts'
import { lostAttempts, MAX_LOST } from './lost-attempts.ts'
import { endRun, type EndDeps } from './pipeline-run.ts'
import { attemptStep, type AttemptDeps } from './step-attempt.ts'
import { taskOf } from './step-task.ts'
import {
  failureOf,
  loadPipelineRow,
  loadSteps,
  specOf,
  stepSpecOf,
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
  stopping: AbortSignal,
): Promise<void> {
  const pipeline = await loadPipelineRow(deps.catalog, ctx.project, id)
  const spec = specOf(pipeline)
  const lost = await lostAttempts(deps, ctx, id)
  const running = new Map<string, Promise<void>>()
  try {
    while (!stopping.aborted) {
      // Taken before the rows are read: a step that ends in between is seen in the next round.
      const underway = new Map(running)
      const rows = await loadSteps(deps.catalog.read, id)
      const failed = rows.find((row) => row.state === 'failed' && !mayRetry(pipeline, row, lost))
      const ready = failed
        ? []
        : rows.filter((row) => !underway.has(row.step) && isReady(spec, row, rows))
      if (underway.size === 0 && ready.length === 0)
        return await endRun(deps, ctx, pipeline, failed ? whyFailed(failed) : assertDone(id, rows))
      for (const row of ready) {
        const attempt = attemptReady(deps, ctx, pipeline, row, rows, stopping)
        running.set(
          row.step,
          attempt.finally(() => running.delete(row.step)),
        )
      }
      await Promise.race([...underway.values(), ...running.values()])
    }
  } finally {
    await Promise.allSettled(running.values())
  }
}

function mayRetry(
  pipeline: PipelineRow,
  row: StepRow,
  lostBy: ReadonlyMap<string, number>,
): boolean {
  const step = stepSpecOf(pipeline, row.step)
  const lost = lostBy.get(row.step) ?? 0
  if (step.kind !== 'module' && step.kind !== 'python') return false
  return lost <= MAX_LOST && row.attempt - lost <= step.retries
}

function isReady(spec: PipelineSpec, row: StepRow, rows: readonly StepRow[]): boolean {
  if (row.state !== 'pending' && row.state !== 'failed') return false
  const step = spec.steps.find(({ name }) => name === row.step)
  const upstream = step ? upstreamOf(step) : []
  return rows.every((other) => !upstream.includes(other.step) || other.state === 'succeeded')
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
  stopping: AbortSignal,
): Promise<void> {
  try {
    await attemptStep(deps, ctx, await taskOf(deps, ctx, pipeline, row, rows), stopping)
  } catch (thrown) {
    if (!stopping.aborted) await refuse(deps, row, thrown)
  }
}
