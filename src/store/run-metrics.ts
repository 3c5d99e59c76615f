import type { MetricPoint } from '@gyre/sdk/wire/run'
import { sql } from 'kysely'
import { GyreError } from '../core/errors.ts'
import type { Tx } from './catalog.ts'
import { fromReal, toReal } from './run-row.ts'

export interface MetricHistory {
  readonly points: readonly Required<MetricPoint>[]
  readonly next: string | undefined
}

/** Five values a row, and SQLite takes 32,766 in one statement. */
const ROWS_PER_INSERT = 5_000

/** Appends the points, and keeps of each key the one of greatest step, then latest time, then last logged. */
export async function logPoints(
  tx: Tx,
  runId: string,
  points: readonly MetricPoint[],
  now: string,
): Promise<void> {
  const rows = points.map(({ key, value, step, at }) => ({
    run_id: runId,
    key,
    value: toReal(value),
    step: step ?? 0,
    at: at === undefined ? now : new Date(at).toISOString(),
  }))
  for (let start = 0; start < rows.length; start += ROWS_PER_INSERT) {
    const part = rows.slice(start, start + ROWS_PER_INSERT)
    await tx.insertInto('run_metric_points').values(part).execute()
    await tx
      .insertInto('run_metrics')
      .values(part)
      .onConflict((conflict) =>
        conflict
          .columns(['run_id', 'key'])
          .doUpdateSet((eb) => ({
            value: eb.ref('excluded.value'),
            step: eb.ref('excluded.step'),
            at: eb.ref('excluded.at'),
          }))
          .where(sql<boolean>`(excluded.step, excluded.at) >= (run_metrics.step, run_metrics.at)`),
      )
      .execute()
  }
}

/** One page of a metric's points, by step, then in the order logged. */
export async function readHistory(
  db: Tx,
  runId: string,
  key: string,
  limit: number,
  cursor: string | undefined,
): Promise<MetricHistory> {
  let query = db
    .selectFrom('run_metric_points')
    .select(['seq', 'step', 'at', 'value'])
    .where('run_id', '=', runId)
    .where('key', '=', key)
  if (cursor !== undefined) {
    const [step, seq] = parseCursor(cursor)
    query = query.where(sql<boolean>`(step, seq) > (${step}, ${seq})`)
  }
  const rows = await query.orderBy('step').orderBy('seq').limit(limit).execute()
  const last = rows.length === limit ? rows.at(-1) : undefined
  return {
    points: rows.map(({ step, at, value }) => ({ key, step, at, value: fromReal(value) })),
    next: last && `${last.step},${last.seq}`,
  }
}

function parseCursor(cursor: string): [step: number, seq: number] {
  const match = /^(-?\d+),(\d+)$/.exec(cursor)
  if (match) return [Number(match[1]), Number(match[2])]
  throw new GyreError('INVALID_ARGUMENT', `cursor: expected one of this list's, got ${cursor}`)
}
