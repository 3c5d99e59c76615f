import type { PipelineSpec } from '@gyre/sdk/wire/pipeline'
import type { CodeSource, Run } from '@gyre/sdk/wire/run'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { Tx } from '../store/catalog.ts'
import type { Events } from '../store/events.ts'
import { cancellation } from './cancel.ts'
import type { Params } from './params.ts'
import type { Resumption } from './resumption.ts'
import { pipelineCommand } from './step-command.ts'
import { toRunError, type PipelineRow, type StepFailure, type StepRow } from './step-store.ts'
import type { TransitionDeps } from './step-transition.ts'

export type EndDeps = Pick<TransitionDeps, 'catalog' | 'runs' | 'clock' | 'facts'> & {
  readonly events: Events
}

export interface NewPipelineRun {
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
  readonly resumes?: Resumption
  /** The run of the trial whose work it does. */
  readonly trial?: string | undefined
  /** Key of the partition that it is for. */
  readonly partition?: string | null
  /** What is written in the same unit. */
  readonly also?: (tx: Tx, id: string) => Promise<void>
}

/** Records a run with all its steps pending; gives its id. */
export async function beginRun(
  { catalog, runs, events, facts }: EndDeps,
  ctx: Context,
  fresh: NewPipelineRun,
): Promise<string> {
  const { spec, params, code, trigger, repeats, resumes, trial, partition = null, also } = fresh
  const earlier = repeats ?? resumes?.run
  return catalog.write(async (tx) => {
    if (partition !== null) await assertAlone(tx, ctx, spec.name, partition)
    const run = await runs.start(
      ctx,
      {
        kind: 'pipeline',
        name: spec.name,
        params,
        inputs: [
          { ref: code.ref, role: 'code' },
          ...(earlier === undefined
            ? []
            : [{ ref: `run:${earlier}`, role: resumes ? 'resumes' : 'repeats' }]),
        ],
        code: {
          ref: code.ref,
          digest: code.bundle,
          ...code.source,
          command: commandOf(spec.name, params, repeats, resumes),
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
        cancel_asked_at: null,
        cancel_asked_by: null,
        resumes: resumes?.run ?? null,
        trial: trial ?? null,
        partition,
      })
      .execute()
    await tx
      .insertInto('step_runs')
      .values(spec.steps.map(rowOf(run, resumes)))
      .execute()
    await events.append(tx, ctx, {
      type: 'pipeline.started',
      subject: { kind: 'pipeline', id: spec.name },
      data: {
        run: run.id,
        params,
        trigger: trigger ?? null,
        repeats: repeats ?? null,
        resumes: resumes?.run ?? null,
      },
    })
    await also?.(tx, run.id)
    return run.id
  })
}

/** Throws CONFLICT naming the run that is under way for the same partition. */
async function assertAlone(
  tx: Tx,
  { project }: Context,
  pipeline: string,
  partition: string,
): Promise<void> {
  const other = await tx
    .selectFrom('pipeline_runs')
    .select('id')
    .where('project', '=', project)
    .where('pipeline', '=', pipeline)
    .where('partition', '=', partition)
    .where('status', '=', 'running')
    .executeTakeFirst()
  if (other)
    throw new GyreError('CONFLICT', `${other.id} is under way for ${pipeline} ${partition}`, {
      partition,
      run: other.id,
    })
}

/** Ends a run; the steps it has not come to are skipped. One that somebody cancelled is cancelled, whatever it came to. */
export async function endRun(
  { catalog, runs, events, clock }: EndDeps,
  ctx: Context,
  pipeline: PipelineRow,
  failure?: StepFailure,
): Promise<void> {
  await catalog.write(async (tx) => {
    const cancelled = await cancellation(tx, pipeline.id)
    const error = cancelled ?? failure
    const failed = failure ? 'failed' : 'succeeded'
    const status = cancelled ? 'cancelled' : failed
    const told = error ? { error: toRunError(error) } : {}
    await runs.finish(ctx, pipeline.id, { status, ...told }, tx)
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

/** What would start the same run by hand. */
function commandOf(
  name: string,
  params: Params,
  repeats: string | undefined,
  resumes: Resumption | undefined,
): string[] {
  if (repeats !== undefined) return ['gyre', 'reproduce', repeats]
  if (!resumes) return pipelineCommand(name, params)
  const [from] = resumes.forced
  return [
    'gyre',
    'pipeline',
    'resume',
    resumes.run,
    ...(from === undefined ? [] : ['--from', from]),
  ]
}

/** A step to be done, or one whose outputs are those of the run that is resumed. */
function rowOf({ id, startedAt }: Run, resumes: Resumption | undefined) {
  return ({ name, kind }: PipelineSpec['steps'][number], position: number): StepRow => {
    const place = { pipeline_run_id: id, step: name, position, kind }
    const taken = resumes?.taken.get(name)
    if (!taken) return { ...PENDING, ...place, forced: resumes?.forced.has(name) ? 1 : 0 }
    return {
      ...taken,
      ...place,
      attempt: 0,
      fence: 0,
      cached: 1,
      forced: 0,
      started_at: startedAt,
      ended_at: startedAt,
    }
  }
}

const PENDING = {
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
}
