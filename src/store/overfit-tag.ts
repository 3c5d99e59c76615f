import type { Context } from '../core/context.ts'
import { curvePairs, findOverfit, tellOverfit } from '../core/overfit.ts'
import type { Tx } from './catalog.ts'
import { readChart } from './metric-chart.ts'
import { logToRun } from './run-metrics.ts'

/** Says of a run, in a sentence for each pair of curves, that validation got worse while training went on to improve. */
const OVERFIT_TAG = 'gyre.overfit'

/** Enough of a curve to see where it goes. */
const MOST_POINTS = 2_000

/** Flags a run that has ended and whose curves diverge. A run without such curves costs one look-up. */
export async function flagOverfit(tx: Tx, ctx: Context, id: string): Promise<void> {
  const rows = await tx
    .selectFrom('run_metrics')
    .innerJoin('runs', 'runs.seq', 'run_metrics.run')
    .select(['runs.seq', 'run_metrics.key'])
    .where('runs.project', '=', ctx.project)
    .where('runs.id', '=', id)
    .execute()
  const seq = rows[0]?.seq
  if (seq === undefined) return
  const told: string[] = []
  for (const pair of curvePairs(rows.map(({ key }) => key))) {
    const train = await readChart(tx, seq, pair.train, MOST_POINTS)
    const found = findOverfit(pair, train, await readChart(tx, seq, pair.validation, MOST_POINTS))
    if (found) told.push(tellOverfit(found))
  }
  if (told.length > 0) await logToRun(tx, ctx, id, { tags: [[OVERFIT_TAG, told.join('; ')]] })
}
