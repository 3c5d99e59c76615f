import { Verdict } from '@gyre/sdk/wire/gate'
import { Json, type JsonValue } from '@gyre/sdk/wire/ref'
import { ReleasePlan } from '@gyre/sdk/wire/release'
import { Retrain, type RetrainState } from '@gyre/sdk/wire/trigger'
import type { Selectable } from 'kysely'
import { z } from 'zod'
import type { Context } from '../core/context.ts'
import type { Tx } from '../store/catalog.ts'
import type { Tables } from '../store/schema.ts'

type RetrainRow = Selectable<Tables['retrains']>

/** A retraining with what is needed to carry it on. */
export interface OpenRetrain extends Retrain {
  readonly project: string
  readonly pipeline: string
  readonly params: Readonly<Record<string, JsonValue>>
  readonly plan: ReleasePlan
}

/** Neither started nor ended; `waiting` ones may stay so for long. */
const OPEN: readonly RetrainState[] = ['fired', 'training', 'waiting']

const Why = Retrain.shape.why
const Params = z.record(z.string(), Json)

/** Every project's retrainings that have not come to an end, oldest first. */
export async function loadOpen(db: Tx): Promise<readonly OpenRetrain[]> {
  const rows = await db
    .selectFrom('retrains')
    .selectAll()
    .where('state', 'in', OPEN)
    .orderBy('seq')
    .execute()
  return rows.map((row) => ({
    ...toRetrain(row),
    project: row.project,
    pipeline: row.pipeline,
    params: Params.parse(JSON.parse(row.params)),
    plan: ReleasePlan.parse(JSON.parse(row.plan)),
  }))
}

/** Oldest first; of one endpoint when given. */
export async function listRetrains(
  db: Tx,
  ctx: Context,
  endpoint?: string,
): Promise<readonly Retrain[]> {
  let query = db.selectFrom('retrains').selectAll().where('project', '=', ctx.project)
  if (endpoint !== undefined) query = query.where('endpoint', '=', endpoint)
  const rows = await query.orderBy('seq').execute()
  return rows.map(toRetrain)
}

/** What a step in a retraining's life adds to it. */
export interface RetrainChange {
  readonly state: RetrainState
  readonly pipelineRun?: string
  readonly candidate?: string
  readonly verdict?: Verdict
  readonly reason?: string
  readonly release?: string
  readonly endedAt?: string
}

/** Moves a retraining on from the state it was read in; false when somebody else has moved it already. */
export async function moveRetrain(
  tx: Tx,
  { id, state }: Pick<Retrain, 'id' | 'state'>,
  change: RetrainChange,
): Promise<boolean> {
  const moved = await tx
    .updateTable('retrains')
    .set({
      state: change.state,
      ...(change.pipelineRun !== undefined && { pipeline_run: change.pipelineRun }),
      ...(change.candidate !== undefined && { candidate: change.candidate }),
      ...(change.verdict !== undefined && { verdict: JSON.stringify(change.verdict) }),
      ...(change.reason !== undefined && { reason: change.reason }),
      ...(change.release !== undefined && { release_id: change.release }),
      ...(change.endedAt !== undefined && { ended_at: change.endedAt }),
    })
    .where('id', '=', id)
    .where('state', '=', state)
    .returning('id')
    .executeTakeFirst()
  return moved !== undefined
}

function toRetrain(row: RetrainRow): Retrain {
  return {
    id: row.id,
    trigger: row.trigger_name,
    endpoint: row.endpoint,
    why: Why.parse(JSON.parse(row.why)),
    at: row.at,
    state: row.state,
    pipelineRun: row.pipeline_run,
    candidate: row.candidate,
    champion: row.champion,
    verdict: row.verdict === null ? null : Verdict.parse(JSON.parse(row.verdict)),
    reason: row.reason,
    release: row.release_id,
    firedAt: row.fired_at,
    endedAt: row.ended_at,
  }
}
