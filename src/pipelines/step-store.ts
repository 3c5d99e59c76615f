import { PipelineSpec, StepState, type PipelineRun, type StepRun } from '@gyre/sdk/wire/pipeline'
import { Json, type JsonValue } from '@gyre/sdk/wire/ref'
import { z } from 'zod'
import { GyreError } from '../core/errors.ts'
import type { Catalog, Tx } from '../store/catalog.ts'
import type { Tables } from '../store/schema.ts'

export type StepRow = Tables['step_runs']
export type PipelineRow = Tables['pipeline_runs']

/** The steps of one pipeline run, in the pipeline's order. */
export async function loadSteps(db: Tx, pipelineRunId: string): Promise<readonly StepRow[]> {
  return db
    .selectFrom('step_runs')
    .selectAll()
    .where('pipeline_run_id', '=', pipelineRunId)
    .orderBy('position')
    .execute()
}

export async function loadStep(db: Tx, pipelineRunId: string, step: string): Promise<StepRow> {
  const row = await db
    .selectFrom('step_runs')
    .selectAll()
    .where('pipeline_run_id', '=', pipelineRunId)
    .where('step', '=', step)
    .executeTakeFirst()
  if (!row)
    throw new GyreError('NOT_FOUND', `no step ${step} in ${pipelineRunId}`, { pipelineRunId, step })
  return row
}

export async function updateStep(
  tx: Tx,
  row: Pick<StepRow, 'pipeline_run_id' | 'step'>,
  change: Partial<StepRow>,
): Promise<void> {
  await tx
    .updateTable('step_runs')
    .set(change)
    .where('pipeline_run_id', '=', row.pipeline_run_id)
    .where('step', '=', row.step)
    .execute()
}

export async function loadPipelineRow(
  catalog: Catalog,
  project: string,
  id: string,
): Promise<PipelineRow> {
  const row = await catalog.read
    .selectFrom('pipeline_runs')
    .selectAll()
    .where('project', '=', project)
    .where('id', '=', id)
    .executeTakeFirst()
  if (!row) throw new GyreError('NOT_FOUND', `no pipeline run ${id}`, { id })
  return row
}

export function specOf(row: PipelineRow): PipelineSpec {
  return PipelineSpec.parse(JSON.parse(row.spec))
}

export function paramsOf(row: PipelineRow): Record<string, JsonValue> {
  return z.record(z.string(), Json).parse(JSON.parse(row.params))
}

export function jsonOf(text: string | null): JsonValue {
  return text === null ? null : Json.parse(JSON.parse(text))
}

const StepError = z.strictObject({ code: z.string(), message: z.string() })
const Status = z.enum(['running', 'succeeded', 'failed', 'cancelled'])

export function toPipelineRun(row: PipelineRow, steps: readonly StepRow[]): PipelineRun {
  return {
    id: row.id,
    pipeline: row.pipeline,
    code: row.code_ref,
    params: paramsOf(row),
    status: Status.parse(row.status),
    startedAt: row.started_at,
    endedAt: row.ended_at,
    trigger: row.trigger_name,
    steps: steps.map(toStepRun),
  }
}

function toStepRun(row: StepRow): StepRun {
  return {
    step: row.step,
    kind: row.kind,
    state: StepState.parse(row.state),
    attempt: row.attempt,
    cached: row.cached === 1,
    cacheKey: row.cache_key,
    runId: row.run_id,
    outputs: jsonOf(row.outputs),
    error: row.error === null ? null : StepError.parse(JSON.parse(row.error)),
    startedAt: row.started_at,
    endedAt: row.ended_at,
  }
}
