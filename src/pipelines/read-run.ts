import type { PipelineRun } from '@gyre/sdk/wire/pipeline'
import type { Context } from '../core/context.ts'
import type { Catalog } from '../store/catalog.ts'
import { lostAttempts } from './lost-attempts.ts'
import { retriesOf } from './retry.ts'
import { countItems } from './step-items.ts'
import { loadPipelineRow, loadSteps, toPipelineRun, type PipelineRow } from './step-store.ts'

type ReadDeps = Parameters<typeof lostAttempts>[0] & { readonly catalog: Catalog }

/** A run and its steps as they stand, with when the failed ones are tried again. Throws NOT_FOUND. */
export async function readRun(deps: ReadDeps, ctx: Context, id: string): Promise<PipelineRun> {
  return described(deps, ctx, await loadPipelineRow(deps.catalog, ctx.project, id))
}

/** Which runs are listed; all unless told. */
export interface RunFilter {
  /** Those of pipelines with a step of this name. */
  readonly step?: string
  /** With false, those alone that repeat no other. */
  readonly repetitions?: boolean
}

/** Newest first. */
export async function listRuns(
  deps: ReadDeps,
  ctx: Context,
  limit: number,
  { step, repetitions = true }: RunFilter = {},
): Promise<readonly PipelineRun[]> {
  const rows = await deps.catalog.read
    .selectFrom('pipeline_runs')
    .selectAll()
    .where('project', '=', ctx.project)
    .$if(!repetitions, (runs) => runs.where('repeats', 'is', null))
    .$if(step !== undefined, (runs) =>
      runs.where((eb) =>
        eb.exists(
          eb
            .selectFrom('step_runs')
            .select('step')
            .whereRef('pipeline_run_id', '=', 'pipeline_runs.id')
            .where('step', '=', step ?? ''),
        ),
      ),
    )
    .orderBy('started_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit)
    .execute()
  return Promise.all(rows.map((row) => described(deps, ctx, row)))
}

async function described(deps: ReadDeps, ctx: Context, row: PipelineRow): Promise<PipelineRun> {
  const { read } = deps.catalog
  const steps = await loadSteps(read, row.id)
  const mayWait = row.status === 'running' && steps.some(({ state }) => state === 'failed')
  const lost = mayWait ? await lostAttempts(deps, ctx, row.id) : new Map<string, number>()
  const retries = mayWait ? retriesOf(row, steps, lost) : new Map<string, Date>()
  return toPipelineRun(row, steps, { retries, items: await countItems(read, row.id) })
}
