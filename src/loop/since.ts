import type { TriggerSpec } from '@gyre/sdk/wire/trigger'
import type { Context } from '../core/context.ts'
import type { Predictions } from '../predictions/predictions.ts'
import type { Catalog, Tx } from '../store/catalog.ts'
import type { Since } from './cause.ts'

/** Since when a trigger counts time and labels; undefined before it was first looked at. */
export async function findSince(db: Tx, ctx: Context, trigger: string): Promise<Since | undefined> {
  const row = await db
    .selectFrom('loop_progress')
    .select(['since_at', 'since_labels'])
    .where('project', '=', ctx.project)
    .where('trigger_name', '=', trigger)
    .executeTakeFirst()
  return row && { atMs: Date.parse(row.since_at), labels: row.since_labels }
}

export async function setSince(tx: Tx, ctx: Context, trigger: string, since: Since): Promise<void> {
  const row = { since_at: new Date(since.atMs).toISOString(), since_labels: since.labels }
  await tx
    .insertInto('loop_progress')
    .values({ project: ctx.project, trigger_name: trigger, ...row })
    .onConflict((conflict) => conflict.columns(['project', 'trigger_name']).doUpdateSet(row))
    .execute()
}

/** A new trigger counts from the endpoint's first prediction, with no label. */
export async function startSince(
  { catalog, predictions }: { catalog: Catalog; predictions: Pick<Predictions, 'span'> },
  ctx: Context,
  { name, endpoint }: TriggerSpec,
  watermarkMs: number,
): Promise<Since> {
  const span = await predictions.span(ctx, endpoint)
  const since = { atMs: span?.firstMs ?? watermarkMs, labels: 0 }
  await catalog.write((tx) => setSince(tx, ctx, name, since))
  return since
}
