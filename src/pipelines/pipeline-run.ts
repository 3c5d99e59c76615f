import type { PipelineSpec } from '@gyre/sdk/wire/pipeline'
import type { CodeSource } from '@gyre/sdk/wire/run'
import type { Context } from '../core/context.ts'
import type { Events } from '../store/events.ts'
import type { Params } from './params.ts'
import { pipelineCommand } from './step-command.ts'
import { toRunError, type PipelineRow, type StepFailure } from './step-store.ts'
import type { TransitionDeps } from './step-transition.ts'

export type EndDeps = Pick<TransitionDeps, 'catalog' | 'runs' | 'clock' | 'facts'> & {
  readonly events: Events
}

interface NewPipelineRun {
  readonly spec: PipelineSpec
  readonly params: Params
  /** The code version it runs, and the bundle that holds the code. */
  readonly code: {
    readonly ref: string
    readonly bundle: string
    readonly source: CodeSource
  }
  readonly trigger: string | undefined
  /** The pipeline run that it repeats. */
  readonly repeats?: string
}

/** Records a run with all its steps pending; gives its id. */
export async function beginRun(
  { catalog, runs, events, facts }: EndDeps,
  ctx: Context,
  { spec, params, code, trigger, repeats }: NewPipelineRun,
): Promise<string> {
  return catalog.write(async (tx) => {
    const run = await runs.start(
      ctx,
      {
        kind: 'pipeline',
        name: spec.name,
        params,
        inputs: [
          { ref: code.ref, role: 'code' },
          ...(repeats === undefined ? [] : [{ ref: `run:${repeats}`, role: 'repeats' }]),
        ],
        code: {
          ref: code.ref,
          digest: code.bundle,
          ...code.source,
          command:
            repeats === undefined
              ? pipelineCommand(spec.name, params)
              : ['gyre', 'reproduce', repeats],
        },
        environment: facts,
        ...seedIn(params),
      },
      tx,
    )
    await tx
      .insertInto('pipeline_runs')
      .values({
        id: run.id,
        project: ctx.project,
        pipeline: spec.name,
        code_ref: code.ref,
        bundle: code.bundle,
        spec: JSON.stringify(spec),
        params: JSON.stringify(params),
        status: 'running',
        trigger_name: trigger ?? null,
        started_at: run.startedAt,
        ended_at: null,
        repeats: repeats ?? null,
      })
      .execute()
    await tx
      .insertInto('step_runs')
      .values(spec.steps.map(pendingRow(run.id)))
      .execute()
    await events.append(tx, ctx, {
      type: 'pipeline.started',
      subject: { kind: 'pipeline', id: spec.name },
      data: { run: run.id, params, trigger: trigger ?? null, repeats: repeats ?? null },
    })
    return run.id
  })
}

/** Ends a run; the steps it has not come to are skipped. */
export async function endRun(
  { catalog, runs, events, clock }: EndDeps,
  ctx: Context,
  pipeline: PipelineRow,
  error?: StepFailure,
): Promise<void> {
  const status = error ? 'failed' : 'succeeded'
  await catalog.write(async (tx) => {
    await runs.finish(
      ctx,
      pipeline.id,
      error ? { status, error: toRunError(error) } : { status },
      tx,
    )
    await tx
      .updateTable('pipeline_runs')
      .set({ status, ended_at: clock.now().toISOString() })
      .where('id', '=', pipeline.id)
      .execute()
    await tx
      .updateTable('step_runs')
      .set({ state: 'skipped' })
      .where('pipeline_run_id', '=', pipeline.id)
      .where('state', '=', 'pending')
      .execute()
    await events.append(tx, ctx, {
      type: `pipeline.${status}`,
      subject: { kind: 'pipeline', id: pipeline.pipeline },
      data: {
        run: pipeline.id,
        trigger: pipeline.trigger_name,
        // The run keeps the whole of it; an event is read at a glance.
        error: error?.message.split('\n')[0] ?? null,
      },
    })
  })
}

/** The seed that steps without one of their own take. */
function seedIn({ seed }: Params): { readonly seed?: number } {
  return typeof seed === 'number' && Number.isSafeInteger(seed) ? { seed } : {}
}

function pendingRow(pipelineRunId: string) {
  return (step: PipelineSpec['steps'][number], position: number) => ({
    pipeline_run_id: pipelineRunId,
    step: step.name,
    position,
    kind: step.kind,
    state: 'pending',
    attempt: 0,
    fence: 0,
    cache_key: null,
    cache_parts: null,
    cached: 0,
    run_id: null,
    inputs: null,
    extra: null,
    outputs: null,
    error: null,
    started_at: null,
    ended_at: null,
  })
}
