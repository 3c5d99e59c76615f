import type { Tx } from '../store/catalog.ts'

export interface RowMove {
  readonly project: string
  readonly endpoint: string
  /** 0 for an endpoint that was never released. */
  readonly expectedRev: number
  /** JSON. */
  readonly arms: string
}

/** Compare-and-set of the route row: false when it is not at `expectedRev` any more. */
export async function moveRow(tx: Tx, move: RowMove): Promise<boolean> {
  const { project, endpoint, expectedRev, arms } = move
  const row = { rev: expectedRev + 1, arms }
  const moved =
    expectedRev === 0
      ? await tx
          .insertInto('routes')
          .values({ project, endpoint, ...row })
          .onConflict((conflict) => conflict.columns(['project', 'endpoint']).doNothing())
          .returning('rev')
          .executeTakeFirst()
      : await tx
          .updateTable('routes')
          .set(row)
          .where('project', '=', project)
          .where('endpoint', '=', endpoint)
          .where('rev', '=', expectedRev)
          .returning('rev')
          .executeTakeFirst()
  return moved !== undefined
}
