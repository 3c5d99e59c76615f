import {
  PipelineSpec,
  StepState,
  type ItemCounts,
  type PipelineRun,
  type StepRun,
  type StepSpec,
} from '@gyre/sdk/wire/pipeline'
import { Json, type JsonValue } from '@gyre/sdk/wire/ref'
import type { Resources } from '@gyre/sdk/wire/resources'
import type { RunError } from '@gyre/sdk/wire/run'
import { z } from 'zod'
import { GyreError, toGyreError } from '../core/errors.ts'
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

/** True unless the step is no longer as `only` says. */
export async function updateStep(
  tx: Tx,
  { pipeline_run_id, step }: Pick<StepRow, 'pipeline_run_id' | 'step'>,
  change: Partial<StepRow>,
  only: Partial<Pick<StepRow, 'state' | 'fence'>> = {},
): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('step_runs')
    .set(change)
    .where((eb) => eb.and({ pipeline_run_id, step, ...only }))
    .executeTakeFirst()
  return numUpdatedRows > 0n
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

export function stepSpecOf(row: PipelineRow, name: string): StepSpec {
  const spec = specOf(row).steps.find((step) => step.name === name)
  if (!spec) throw new GyreError('INTERNAL', `pipeline ${row.pipeline} has lost its step ${name}`)
  return spec
}

export function paramsOf(row: PipelineRow): Record<string, JsonValue> {
  return z.record(z.string(), Json).parse(JSON.parse(row.params))
}

/** Not checked again: it was when it was written, and a list of what many items gave is long. */
export function jsonOf(text: string | null): JsonValue {
  if (text === null) return null
  const value: JsonValue = JSON.parse(text)
  return value
}

/** The inputs of a step that has begun. */
export function inputsOf(row: StepRow): Record<string, JsonValue> {
  if (row.inputs === null) return {}
  const inputs: Record<string, JsonValue> = JSON.parse(row.inputs)
  return inputs
}

/** Why a step failed, as its row and its run keep it. */
export interface StepFailure {
  /** A code of Gyre's, or whatever the step's process called it. */
  readonly code: string
  readonly message: string
  /** How the process ended in which it failed, where that is why. */
  readonly exitCode?: number
  readonly signal?: string
}
const ProcessEnd = z.object({
  exitCode: z.exactOptional(z.int()),
  signal: z.exactOptional(z.string()),
})
const StepFailure = z.strictObject({
  code: z.string(),
  message: z.string(),
  ...ProcessEnd.shape,
})

export function failureOf(row: Pick<StepRow, 'error'>): StepFailure | null {
  return row.error === null ? null : StepFailure.parse(JSON.parse(row.error))
}

export function failureFrom(thrown: unknown): StepFailure {
  const { code, message, details } = toGyreError(thrown)
  return { code, message, ...ProcessEnd.catch({}).parse(details) }
}

/** A failure as the readers of a run see it: its message tells the rest. */
export function toRunError({ code, message }: StepFailure): RunError {
  return { code, message }
}

const Status = z.enum(['running', 'succeeded', 'failed', 'cancelled'])

/** What is known of the steps of a run beside their rows, by name. */
interface StepFacts {
  /** When steps that failed are tried again. */
  readonly retries: ReadonlyMap<string, Date>
  readonly items: ReadonlyMap<string, ItemCounts>
}

export function toPipelineRun(
  row: PipelineRow,
  steps: readonly StepRow[],
  { retries, items }: StepFacts,
): PipelineRun {
  const specs = new Map(specOf(row).steps.map((spec) => [spec.name, spec]))
  return {
    id: row.id,
    pipeline: row.pipeline,
    code: row.code_ref,
    params: paramsOf(row),
    status: Status.parse(row.status),
    startedAt: row.started_at,
    endedAt: row.ended_at,
    trigger: row.trigger_name,
    repeats: row.repeats,
    resumes: row.resumes,
    cancelled: cancellationOf(row),
    partition: row.partition,
    steps: steps.map((step) =>
      toStepRun(step, specs.get(step.step), retries.get(step.step), items.get(step.step) ?? null),
    ),
  }
}

function cancellationOf({ cancel_asked_at: at, cancel_asked_by: by }: PipelineRow) {
  return at === null || by === null ? null : { by, at }
}

/** What a step asks of its machine; Gyre's own steps ask for nothing. */
export function resourcesOf(spec: StepSpec): Resources | undefined {
  return spec.kind === 'module' || spec.kind === 'python' ? spec.resources : undefined
}

function toStepRun(
  row: StepRow,
  spec: StepSpec | undefined,
  retryAt: Date | undefined,
  items: ItemCounts | null,
): StepRun {
  const failure = failureOf(row)
  return {
    step: row.step,
    kind: row.kind,
    state: StepState.parse(row.state),
    attempt: row.attempt,
    cached: row.cached === 1,
    cacheKey: row.cache_key,
    runId: row.run_id,
    outputs: jsonOf(row.outputs),
    error: failure && toRunError(failure),
    retryAt: retryAt?.toISOString() ?? null,
    items,
    resources: (spec && resourcesOf(spec)) ?? null,
    startedAt: row.started_at,
    endedAt: row.ended_at,
  }
}
