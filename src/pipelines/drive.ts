import type { PipelineSpec, StepSpec } from '@gyre/sdk/wire/pipeline'
import type { RunRef } from '@gyre/sdk/wire/run'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { Events } from '../store/events.ts'
import { resolveInputs, upstreamOf } from './graph.ts'
import { attemptStep, type AttemptDeps, type StepTask } from './step-attempt.ts'
import { seedOf } from './step-spec.ts'
import {
  jsonOf,
  loadPipelineRow,
  loadSteps,
  paramsOf,
  specOf,
  updateStep,
  type PipelineRow,
  type StepRow,
} from './step-store.ts'

interface DriveDeps extends AttemptDeps {
  readonly events: Events
}

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
  for (;;) {
    if (stopping.aborted) return
    const rows = await loadSteps(deps.catalog.read, id)
    const failed = rows.find((row) => row.state === 'failed' && !mayRetry(spec, row))
    if (failed) return finish(deps, ctx, pipeline, failed)
    if (rows.every((row) => row.state === 'succeeded')) return finish(deps, ctx, pipeline)
    const ready = rows.filter((row) => isReady(spec, row, rows))
    if (ready.length === 0)
      throw new GyreError(
        'INTERNAL',
        `pipeline run ${id} has nothing left to run and has not ended`,
        { id },
      )
    await Promise.all(
      ready.map((row) => attemptReady(deps, ctx, pipeline, spec, row, rows, stopping)),
    )
  }
}

function stepSpec(spec: PipelineSpec, row: StepRow): StepSpec {
  const found = spec.steps.find((step) => step.name === row.step)
  if (!found) throw new GyreError('INTERNAL', `pipeline ${spec.name} has lost its step ${row.step}`)
  return found
}

function mayRetry(spec: PipelineSpec, row: StepRow): boolean {
  const step = stepSpec(spec, row)
  return step.kind === 'module' && row.attempt <= step.retries
}

function isReady(spec: PipelineSpec, row: StepRow, rows: readonly StepRow[]): boolean {
  if (row.state !== 'pending' && row.state !== 'failed') return false
  const upstream = upstreamOf(stepSpec(spec, row))
  return rows.every((other) => !upstream.includes(other.step) || other.state === 'succeeded')
}

async function attemptReady(
  deps: DriveDeps,
  ctx: Context,
  pipeline: PipelineRow,
  spec: PipelineSpec,
  row: StepRow,
  rows: readonly StepRow[],
  stopping: AbortSignal,
): Promise<void> {
  const step = stepSpec(spec, row)
  const params = paramsOf(pipeline)
  const outputs = new Map(rows.map((other) => [other.step, jsonOf(other.outputs)]))
  try {
    const inputs = resolveInputs(step, params, (name) => outputs.get(name) ?? null)
    const task: StepTask = {
      pipeline,
      spec: step,
      row,
      inputs,
      seed: seedOf(inputs, params),
      upstreamRuns: upstreamRuns(step, rows),
    }
    await attemptStep(deps, ctx, task, stopping)
  } catch (thrown) {
    if (stopping.aborted) return
    await refuse(deps, row, thrown)
  }
}

function upstreamRuns(step: StepSpec, rows: readonly StepRow[]): RunRef[] {
  const upstream = upstreamOf(step)
  return rows.flatMap((row) =>
    row.run_id !== null && upstream.includes(row.step)
      ? [{ ref: `run:${row.run_id}`, role: row.step }]
      : [],
  )
}

/** A step that could not even be started: its inputs do not fit, or a built-in step's settings are wrong. */
async function refuse({ catalog, clock }: DriveDeps, row: StepRow, thrown: unknown): Promise<void> {
  const code = thrown instanceof GyreError ? thrown.code : 'INTERNAL'
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  await catalog.write((tx) =>
    updateStep(tx, row, {
      state: 'failed',
      attempt: row.attempt + 1,
      error: JSON.stringify({ code, message }),
      ended_at: clock.now().toISOString(),
    }),
  )
}

async function finish(
  { catalog, runs, events, clock }: DriveDeps,
  ctx: Context,
  pipeline: PipelineRow,
  failed?: StepRow,
): Promise<void> {
  const status = failed ? 'failed' : 'succeeded'
  const error = failed
    ? { code: 'STEP_FAILED', message: `step ${failed.step} failed: ${failed.error ?? ''}` }
    : undefined
  await catalog.write(async (tx) => {
    await runs.finish(ctx, pipeline.id, error ? { status, error } : { status }, tx)
    await tx
      .updateTable('pipeline_runs')
      .set({ status, ended_at: clock.now().toISOString() })
      .where('id', '=', pipeline.id)
      .execute()
    await events.append(tx, ctx, {
      type: `pipeline.${status}`,
      subject: { kind: 'pipeline', id: pipeline.pipeline },
      data: { run: pipeline.id, trigger: pipeline.trigger_name, error: error?.message ?? null },
    })
  })
}
