import { Alert } from '@gyre/sdk/wire/monitor'
import type { Context } from '../core/context.ts'
import type { Clock } from '../core/clock.ts'
import type { NewId } from '../core/id.ts'
import type { Catalog, Tx } from '../store/catalog.ts'
import type { Events } from '../store/events.ts'
import { keyOf, type Conclusion, type Finding } from './findings.ts'

interface AlertDeps {
  readonly events: Events
  readonly clock: Clock
  readonly newId: NewId
}

/** `at` is the event time of the window that speaks. */
export interface Speaker {
  readonly monitor: string
  readonly at: string
}

/**
 * One alert per key fires until a window with enough data finds it gone: a finding that comes again is the
 * same alert, and a window that cannot tell leaves it as it is.
 */
export async function updateAlerts(
  deps: AlertDeps,
  tx: Tx,
  ctx: Context,
  speaker: Speaker,
  { findings, assessed }: Conclusion,
): Promise<void> {
  const firing = await firingAlerts(tx, ctx, speaker.monitor)
  const known = new Set(firing.map(({ key }) => key))
  for (const finding of findings)
    if (!known.has(keyOf(finding))) await fire(deps, tx, ctx, speaker, finding)
  const found = new Set(findings.map(keyOf))
  for (const alert of firing)
    if (assessed.has(alert.key) && !found.has(alert.key))
      await resolve(deps, tx, ctx, speaker, alert)
}

type FiringAlert = Pick<Alert, 'id' | 'key' | 'message'>

function firingAlerts(tx: Tx, ctx: Context, monitor: string): Promise<readonly FiringAlert[]> {
  return tx
    .selectFrom('alerts')
    .select(['id', 'key', 'message'])
    .where('project', '=', ctx.project)
    .where('monitor', '=', monitor)
    .where('state', '=', 'firing')
    .execute()
}

async function fire(
  { events, clock, newId }: AlertDeps,
  tx: Tx,
  ctx: Context,
  { monitor, at }: Speaker,
  finding: Finding,
): Promise<void> {
  const id = newId('alert')
  const { message, value } = finding
  const key = keyOf(finding)
  await tx
    .insertInto('alerts')
    .values({
      id,
      project: ctx.project,
      monitor,
      key,
      state: 'firing',
      message,
      opened_at: clock.now().toISOString(),
      at,
      resolved_at: null,
    })
    .execute()
  await events.append(tx, ctx, {
    type: 'alert.fired',
    subject: { kind: 'alert', id },
    data: { monitor, key, message, value, at },
  })
}

async function resolve(
  { events, clock }: AlertDeps,
  tx: Tx,
  ctx: Context,
  { monitor, at }: Speaker,
  { key, id, message }: FiringAlert,
): Promise<void> {
  await tx
    .updateTable('alerts')
    .set({ state: 'resolved', resolved_at: clock.now().toISOString() })
    .where('id', '=', id)
    .execute()
  await events.append(tx, ctx, {
    type: 'alert.resolved',
    subject: { kind: 'alert', id },
    data: { monitor, key, message, at },
  })
}

/** Newest first; of one state when given. */
export async function listAlerts(
  catalog: Catalog,
  ctx: Context,
  state?: Alert['state'],
): Promise<readonly Alert[]> {
  let query = catalog.read.selectFrom('alerts').selectAll().where('project', '=', ctx.project)
  if (state !== undefined) query = query.where('state', '=', state)
  const rows = await query.orderBy('at', 'desc').orderBy('key').execute()
  return rows.map(({ project: _project, opened_at, resolved_at, ...row }) =>
    Alert.parse({ ...row, openedAt: opened_at, resolvedAt: resolved_at }),
  )
}
