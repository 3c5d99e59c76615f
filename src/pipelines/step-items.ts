import type { ItemCounts } from '@gyre/sdk/wire/pipeline'
import type { JsonValue } from '@gyre/sdk/wire/ref'
import { sql } from 'kysely'
import { among } from '../store/among.ts'
import type { Tx } from '../store/catalog.ts'
import type { Tables } from '../store/schema.ts'
import type { LeasedStep } from './leased-step.ts'
import type { StepFailure, StepRow } from './step-store.ts'

export type ItemRow = Tables['step_items']

type StepOf = Pick<StepRow, 'pipeline_run_id' | 'step'>

/** Writes down items as pending, from `first` on; those that are there already stay as they are. */
export async function addItems(
  tx: Tx,
  { pipeline_run_id, step }: StepOf,
  first: number,
  keys: readonly (string | null)[],
): Promise<void> {
  await sql`
    INSERT INTO step_items
      (pipeline_run_id, step, item, state, attempt, lost, fence, cache_key, cached, outputs, error)
    SELECT ${pipeline_run_id}, ${step}, ${first} + key, 'pending', 0, 0, 0, value, 0, NULL, NULL
    FROM json_each(${JSON.stringify(keys)}) WHERE TRUE
    ON CONFLICT DO NOTHING`.execute(tx)
}

/** pending → succeeded for the items of [from, to) whose outputs an earlier run, or an equal item, has given. */
export async function reuseItems(
  tx: Tx,
  project: string,
  { pipeline_run_id, step }: StepOf,
  from: number,
  to: number,
): Promise<void> {
  await sql`
    UPDATE step_items SET state = 'succeeded', cached = 1, outputs = step_cache.outputs
    FROM step_cache
    WHERE pipeline_run_id = ${pipeline_run_id} AND step = ${step} AND item >= ${from} AND item < ${to}
      AND state = 'pending'
      AND step_cache.project = ${project} AND step_cache.cache_key = step_items.cache_key`.execute(
    tx,
  )
}

/**
 * What a server that died left leased is pending again, its attempt lost. Failed items are pending as well: the step
 * is tried anew. Items that have gone down with their server more than `mostLost` times have failed, with `error`.
 */
export async function takeBackItems(
  tx: Tx,
  { pipeline_run_id, step }: StepOf,
  mostLost: number,
  error: StepFailure,
): Promise<void> {
  const ofStep = sql`pipeline_run_id = ${pipeline_run_id} AND step = ${step}`
  await sql`
    UPDATE step_items SET state = 'pending', lost = lost + 1 WHERE ${ofStep} AND state = 'leased'`.execute(
    tx,
  )
  await sql`
    UPDATE step_items SET state = 'failed', error = ${JSON.stringify(error)}
    WHERE ${ofStep} AND state = 'pending' AND lost > ${mostLost}`.execute(tx)
}

/** pending → leased, each under its next fence. */
export async function leaseItems(
  tx: Tx,
  { pipeline_run_id, step }: StepOf,
  items: readonly number[],
): Promise<void> {
  await tx
    .updateTable('step_items')
    .set((eb) => ({
      state: 'leased',
      attempt: eb('attempt', '+', 1),
      fence: eb('fence', '+', 1),
    }))
    .where('pipeline_run_id', '=', pipeline_run_id)
    .where('step', '=', step)
    .where('item', 'in', among(items))
    .execute()
}

/** leased → pending, for items that their process never began, or may have: the attempt does not count. */
export async function giveBackItems(
  tx: Tx,
  { pipeline_run_id, step }: StepOf,
  items: readonly number[],
): Promise<void> {
  await tx
    .updateTable('step_items')
    .set((eb) => ({ state: 'pending', attempt: eb('attempt', '-', 1) }))
    .where('pipeline_run_id', '=', pipeline_run_id)
    .where('step', '=', step)
    .where('item', 'in', among(items))
    .execute()
}

/** leased → succeeded, with their places in the cache. */
export async function keepItems(
  tx: Tx,
  project: string,
  step: LeasedStep,
  made: readonly { readonly item: number; readonly outputs: JsonValue }[],
  now: string,
): Promise<void> {
  // As texts, so that no number of theirs is read and written by SQLite.
  const rows = JSON.stringify(made.map(({ item, outputs }) => [item, JSON.stringify(outputs)]))
  const items = among(made.map(({ item }) => item))
  const ofStep = sql`pipeline_run_id = ${step.pipeline_run_id} AND step = ${step.step}`
  // With the numbers named apart SQLite looks up each item, instead of walking all of the step's.
  await sql`
    UPDATE step_items SET state = 'succeeded', outputs = made.value ->> 1, error = NULL
    FROM json_each(${rows}) AS made
    WHERE ${ofStep} AND item IN ${items} AND item = made.value ->> 0`.execute(tx)
  await sql`
    INSERT INTO step_cache (project, cache_key, outputs, run_id, created_at)
    SELECT ${project}, cache_key, outputs, ${step.run_id}, ${now} FROM step_items
    WHERE ${ofStep} AND item IN ${items} AND cache_key IS NOT NULL
    ON CONFLICT ${step.forced === 1 ? sql`DO UPDATE SET outputs = excluded.outputs, run_id = excluded.run_id, created_at = excluded.created_at` : sql`DO NOTHING`}`.execute(
    tx,
  )
}

/** leased → `state`: failed for good, or pending for another attempt. */
export async function failItem(
  tx: Tx,
  { pipeline_run_id, step }: StepOf,
  item: number,
  state: 'failed' | 'pending',
  error: StepFailure,
): Promise<void> {
  await tx
    .updateTable('step_items')
    .set({ state, error: JSON.stringify(error) })
    .where('pipeline_run_id', '=', pipeline_run_id)
    .where('step', '=', step)
    .where('item', '=', item)
    .execute()
}

/** The items of a step from `from` on, in their order. */
export async function loadItems(
  db: Tx,
  { pipeline_run_id, step }: StepOf,
  { from = 0, limit, state }: { from?: number; limit: number; state?: ItemRow['state'] },
): Promise<readonly ItemRow[]> {
  let query = db
    .selectFrom('step_items')
    .selectAll()
    .where('pipeline_run_id', '=', pipeline_run_id)
    .where('step', '=', step)
    .where('item', '>=', from)
  if (state !== undefined) query = query.where('state', '=', state)
  return query.orderBy('item').limit(limit).execute()
}

/** What the items that are not done yet have behind them. */
export async function loadOpenItems(db: Tx, { pipeline_run_id, step }: StepOf) {
  return db
    .selectFrom('step_items')
    .select(['item', 'cache_key', 'state', 'attempt', 'lost', 'fence', 'error'])
    .where('pipeline_run_id', '=', pipeline_run_id)
    .where('step', '=', step)
    .where('state', '!=', 'succeeded')
    .orderBy('item')
    .execute()
}

/** What all items gave, as the text of one list. */
export async function gatherItems(db: Tx, { pipeline_run_id, step }: StepOf): Promise<string> {
  const { rows } = await sql<{ text: string }>`
    SELECT '[' || coalesce(group_concat(outputs, ','), '') || ']' AS text
    FROM (SELECT outputs FROM step_items
      WHERE pipeline_run_id = ${pipeline_run_id} AND step = ${step} ORDER BY item)`.execute(db)
  return rows[0]?.text ?? '[]'
}

/** How far the steps of a pipeline run are that are done for items, by step. */
export async function countItems(
  db: Tx,
  pipelineRunId: string,
): Promise<ReadonlyMap<string, ItemCounts>> {
  const rows = await db
    .selectFrom('step_items')
    .select(({ fn }) => ['step', 'state', 'cached', fn.countAll<number>().as('n')])
    .where('pipeline_run_id', '=', pipelineRunId)
    .groupBy(['step', 'state', 'cached'])
    .execute()
  const counts = new Map<string, ItemCounts>()
  for (const { step, state, cached, n } of rows) {
    const { total, succeeded, cached: reused, failed } = counts.get(step) ?? NONE
    counts.set(step, {
      total: total + n,
      succeeded: succeeded + (state === 'succeeded' ? n : 0),
      cached: reused + (cached === 1 ? n : 0),
      failed: failed + (state === 'failed' ? n : 0),
    })
  }
  return counts
}

const NONE: ItemCounts = { total: 0, succeeded: 0, cached: 0, failed: 0 }
