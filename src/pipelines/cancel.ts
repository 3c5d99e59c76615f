import type { Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { Catalog, Tx } from '../store/catalog.ts'
import type { Events } from '../store/events.ts'
import type { StepFailure } from './step-store.ts'

/** What a step's process gets between SIGTERM and SIGKILL when its run is cancelled. */
export const CANCEL_GRACE_MS = 10_000

interface CancelDeps {
  readonly catalog: Catalog
  readonly events: Events
  readonly clock: Clock
}

/**
 * Writes down that a run is to end. From then on it starts nothing, whatever becomes of the server. Asking again changes
 * nothing. Throws NOT_FOUND; CONFLICT for a run that has ended otherwise.
 */
export async function askToCancel(
  { catalog, events, clock }: CancelDeps,
  ctx: Context,
  id: string,
): Promise<void> {
  await catalog.write(async (tx) => {
    const run = await tx
      .selectFrom('pipeline_runs')
      .select(['pipeline', 'status', 'cancel_asked_at'])
      .where('project', '=', ctx.project)
      .where('id', '=', id)
      .executeTakeFirst()
    if (!run) throw new GyreError('NOT_FOUND', `no pipeline run ${id}`, { id })
    const { pipeline, status } = run
    if (status === 'cancelled' || run.cancel_asked_at !== null) return
    if (status !== 'running')
      throw new GyreError('CONFLICT', `${id} has ended already: ${status}`, { id, status })
    await tx
      .updateTable('pipeline_runs')
      .set({ cancel_asked_at: clock.now().toISOString(), cancel_asked_by: ctx.actor })
      .where('id', '=', id)
      .execute()
    const subject = { kind: 'pipeline', id: pipeline }
    await events.append(tx, ctx, { type: 'pipeline.cancelling', subject, data: { run: id } })
  })
}

/** As what the run and its steps under way end, if somebody has cancelled it. */
export async function cancellation(
  tx: Tx,
  pipelineRunId: string,
): Promise<StepFailure | undefined> {
  const run = await tx
    .selectFrom('pipeline_runs')
    .select('cancel_asked_by')
    .where('id', '=', pipelineRunId)
    .executeTakeFirst()
  const by = run?.cancel_asked_by ?? null
  return by === null ? undefined : { code: 'CANCELLED', message: `cancelled by ${by}` }
}
