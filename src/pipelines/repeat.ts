import type { PipelineSpec } from '@gyre/sdk/wire/pipeline'
import type { Run } from '@gyre/sdk/wire/run'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { Catalog } from '../store/catalog.ts'
import type { Runs } from '../store/runs.ts'
import { loadPipelineRow, type PipelineRow } from './step-store.ts'
import { workOf } from './trial-work.ts'

export interface RepeatDeps {
  readonly catalog: Catalog
  readonly runs: Runs
}

/**
 * The pipeline run of `id`, which may be the run of one of its steps, or of a trial that a pipeline did the work of; of
 * a repetition, the run that it repeats. Throws NOT_FOUND; CONFLICT for a run that is none of a pipeline's, or did not
 * succeed.
 */
export async function originalOf(deps: RepeatDeps, ctx: Context, id: string): Promise<PipelineRow> {
  const run = await deps.runs.get(ctx, id)
  if (run.kind === 'trial') return originalOf(deps, ctx, await workOfTrial(deps, ctx, run))
  if (run.kind !== 'pipeline') {
    const parent = run.parentId === null ? undefined : await deps.runs.find(ctx, run.parentId)
    if (parent?.kind !== 'pipeline')
      throw new GyreError(
        'CONFLICT',
        `${id} is a run of kind ${run.kind} that no pipeline made; only runs of pipelines can be executed again`,
        { id, kind: run.kind },
      )
    return originalOf(deps, ctx, parent.id)
  }
  const row = await loadPipelineRow(deps.catalog, ctx.project, id)
  if (row.repeats !== null) return originalOf(deps, ctx, row.repeats)
  if (row.status !== 'succeeded')
    throw new GyreError(
      'CONFLICT',
      `${id} is ${row.status}; only a run that succeeded can be compared with its repetition`,
      { id, status: row.status },
    )
  return row
}

async function workOfTrial({ catalog }: RepeatDeps, ctx: Context, { id, status }: Run) {
  const work = await workOf(catalog.read, ctx.project, id)
  if (work !== undefined) return work
  throw new GyreError(
    'CONFLICT',
    `${id} is a trial (${status}) whose work no pipeline did, or whose pipeline run was cancelled: what did it is known to the program that searched`,
    { id, status },
  )
}

/** The pipeline without the steps that only write down what was made: nothing reads from those. */
export function repeatable(spec: PipelineSpec): PipelineSpec {
  return { ...spec, steps: spec.steps.filter(({ kind }) => kind !== 'register') }
}
