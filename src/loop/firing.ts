import type { TriggerSpec } from '@gyre/sdk/wire/trigger'
import type { JsonValue } from '@gyre/sdk/wire/ref'
import type { Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import { durationMs } from '../core/duration.ts'
import type { NewId } from '../core/id.ts'
import type { Tx } from '../store/catalog.ts'
import type { Events } from '../store/events.ts'
import type { Cause } from './cause.ts'
import { setSince } from './since.ts'

export interface FiringDeps {
  readonly events: Events
  readonly clock: Clock
  readonly newId: NewId
}

/** What was known about the endpoint just before the unit. */
export interface Scene {
  /** `model:NAME@VERSION` that answers now; null before the first release. */
  readonly champion: string | null
  /** The canary that is open, if any. */
  readonly canary: string | null
  /** Labels known so far. */
  readonly labels: number
}

/**
 * Fires a trigger in the caller's unit, unless it fired for this cause before or is cooling down. While a
 * canary is open or a retraining of the endpoint is running, it is written down as skipped; a cause that
 * lasts (time, labels) fires later. True when something was written.
 */
export async function fire(
  deps: FiringDeps,
  tx: Tx,
  ctx: Context,
  trigger: TriggerSpec,
  cause: Cause,
  scene: Scene,
): Promise<boolean> {
  if (await isCooling(tx, ctx, trigger, cause.atMs)) return false
  const obstacle = cause.veto ?? (await obstacleOf(tx, ctx, trigger, scene))
  const id = await insert(deps, tx, ctx, trigger, cause, { scene, obstacle })
  if (id === undefined) return false
  if (obstacle === undefined)
    await setSince(tx, ctx, trigger.name, { atMs: cause.atMs, labels: scene.labels })
  await deps.events.append(tx, ctx, {
    type: obstacle === undefined ? 'trigger.fired' : 'trigger.skipped',
    subject: { kind: 'trigger', id: trigger.name },
    data: {
      retrain: id,
      endpoint: trigger.endpoint,
      at: new Date(cause.atMs).toISOString(),
      kind: cause.kind,
      message: cause.message,
      ...(obstacle !== undefined && { obstacle }),
    },
  })
  return true
}

/** The cooldown counts event time from the last firing that was not skipped. */
async function isCooling(
  tx: Tx,
  ctx: Context,
  { name, cooldown }: TriggerSpec,
  atMs: number,
): Promise<boolean> {
  const last = await tx
    .selectFrom('retrains')
    .select('at')
    .where('project', '=', ctx.project)
    .where('trigger_name', '=', name)
    .where('state', '!=', 'skipped')
    .orderBy('seq', 'desc')
    .limit(1)
    .executeTakeFirst()
  return last !== undefined && atMs - Date.parse(last.at) < durationMs(cooldown, 'cooldown')
}

async function obstacleOf(
  tx: Tx,
  ctx: Context,
  { endpoint }: TriggerSpec,
  { canary }: Scene,
): Promise<string | undefined> {
  if (canary !== null) return `the canary ${canary} is open`
  const running = await tx
    .selectFrom('retrains')
    .select('trigger_name')
    .where('project', '=', ctx.project)
    .where('endpoint', '=', endpoint)
    .where('state', 'in', ['fired', 'training'])
    .executeTakeFirst()
  return running && `a retraining by ${running.trigger_name} is running`
}

/** The new row's id; undefined when this cause has fired, or was skipped and still is. */
async function insert(
  { clock, newId }: FiringDeps,
  tx: Tx,
  ctx: Context,
  trigger: TriggerSpec,
  cause: Cause,
  { scene, obstacle }: { scene: Scene; obstacle: string | undefined },
): Promise<string | undefined> {
  const at = new Date(cause.atMs).toISOString()
  const now = clock.now().toISOString()
  const outcome =
    obstacle === undefined
      ? { state: 'fired' as const, reason: null, ended_at: null }
      : { state: 'skipped' as const, reason: obstacle, ended_at: now }
  const fresh = {
    ...outcome,
    at,
    champion: scene.champion,
    params: JSON.stringify(paramsOf(trigger, at)),
    fired_at: now,
  }
  const row = await tx
    .insertInto('retrains')
    .values({
      ...fresh,
      id: newId('rt'),
      project: ctx.project,
      trigger_name: trigger.name,
      endpoint: trigger.endpoint,
      cause: cause.key,
      why: JSON.stringify({ kind: cause.kind, message: cause.message }),
      pipeline: trigger.pipeline,
      plan: JSON.stringify(trigger.release),
      pipeline_run: null,
      candidate: null,
      verdict: null,
      release_id: null,
    })
    .onConflict((conflict) =>
      conflict
        .columns(['project', 'trigger_name', 'cause'])
        .doUpdateSet(fresh)
        .where('retrains.state', '=', 'skipped')
        .where((eb) => eb.val(obstacle === undefined)),
    )
    .returning('id')
    .executeTakeFirst()
  return row?.id
}

/** The trigger's constants, and the event time of the firing as the end of the rows to learn from. */
function paramsOf({ params, untilParam }: TriggerSpec, at: string): Record<string, JsonValue> {
  const constants = Object.entries(params).flatMap(([name, value]) =>
    value.kind === 'literal' ? [[name, value.value] as const] : [],
  )
  return { ...Object.fromEntries(constants), [untilParam]: at }
}
