import { sql } from 'kysely'
import { groupBy } from '../core/group.ts'
import { among } from '../store/among.ts'
import type { Tx } from '../store/catalog.ts'
import { toInt64, type Int64 } from '../store/metric-chunks.ts'

/** A logged model that a run used or made. */
export interface ModelUse {
  readonly model: string
  readonly step: Int64
}

/** The logged models of a run. */
export interface ModelUses {
  readonly inputs: readonly ModelUse[]
  readonly outputs: readonly ModelUse[]
}

/** The logged models of each run by `runs.seq`, in the order they were named. One query. */
export async function modelUsesOf(
  db: Tx,
  runs: readonly number[],
): Promise<ReadonlyMap<number, ModelUses>> {
  if (runs.length === 0) return new Map()
  const rows = await db
    .selectFrom('run_models')
    .select(['run', 'direction', 'model', sql<string>`CAST(step AS TEXT)`.as('step')])
    .where('run', 'in', among(runs))
    .orderBy('run')
    .orderBy('direction')
    .orderBy('position')
    .execute()
  const uses = rows.map(({ step, ...row }) => ({ ...row, step: toInt64(step) }))
  return new Map(
    [...groupBy(uses, ({ run }) => run)].map(([run, all]) => {
      const of = (wanted: 'input' | 'output') =>
        all.flatMap(({ direction, model, step }) => (direction === wanted ? [{ model, step }] : []))
      return [run, { inputs: of('input'), outputs: of('output') }]
    }),
  )
}

/** Adds models to a run; one that it names already takes the new step. */
export async function putModelUses(
  tx: Tx,
  run: number,
  direction: 'input' | 'output',
  models: readonly ModelUse[],
): Promise<void> {
  for (const { model, step } of models) {
    const { numUpdatedRows } = await tx
      .updateTable('run_models')
      .set({ step })
      .where('run', '=', run)
      .where('direction', '=', direction)
      .where('model', '=', model)
      .executeTakeFirst()
    if (numUpdatedRows > 0n) continue
    const position = sql<number>`(SELECT count(*) FROM run_models WHERE run = ${run} AND direction = ${direction})`
    await tx.insertInto('run_models').values({ run, direction, position, model, step }).execute()
  }
}
