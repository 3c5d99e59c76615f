import { MonitorWindow } from '@gyre/sdk/wire/monitor'
import type { Context } from '../core/context.ts'
import type { Catalog, Tx } from '../store/catalog.ts'

/** Writes a window down unless it has been judged already: false then. A whole one replaces a partial one. */
export async function insertWindow(
  tx: Tx,
  ctx: Context,
  endpoint: string,
  window: MonitorWindow,
): Promise<boolean> {
  const { partial } = window
  const body = {
    end_at: window.end,
    partial: partial ? (1 as const) : (0 as const),
    body: JSON.stringify(window),
    evaluated_at: window.evaluatedAt,
  }
  const { project } = ctx
  const row = { project, monitor: window.monitor, endpoint, start_at: window.start, ...body }
  const inserted = await tx
    .insertInto('monitor_windows')
    .values(row)
    .onConflict((conflict) =>
      conflict
        .columns(['project', 'monitor', 'start_at'])
        .doUpdateSet(body)
        .where('monitor_windows.partial', '=', 1)
        .where((eb) => (partial ? eb('monitor_windows.end_at', '<', window.end) : eb.val(true))),
    )
    .returning('start_at')
    .executeTakeFirst()
  return inserted !== undefined
}

/** End of the newest window judged as a whole, epoch milliseconds. */
export async function judgedUntil(
  catalog: Catalog,
  ctx: Context,
  monitor: string,
): Promise<number | undefined> {
  const row = await catalog.read
    .selectFrom('monitor_windows')
    .select('end_at')
    .where('project', '=', ctx.project)
    .where('monitor', '=', monitor)
    .where('partial', '=', 0)
    .orderBy('start_at', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row && Date.parse(row.end_at)
}

/** Oldest first. */
export async function listWindows(
  catalog: Catalog,
  ctx: Context,
  monitor: string,
): Promise<readonly MonitorWindow[]> {
  const rows = await catalog.read
    .selectFrom('monitor_windows')
    .select('body')
    .where('project', '=', ctx.project)
    .where('monitor', '=', monitor)
    .orderBy('start_at')
    .execute()
  return rows.map(({ body }) => MonitorWindow.parse(JSON.parse(body)))
}
