import {
  AnalysisReply,
  type Release,
  ReleaseKind,
  ReleasePlan,
  ReleaseState,
} from '@gyre/sdk/wire/release'
import type { Selectable } from 'kysely'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { Tx } from '../store/catalog.ts'
import type { Tables } from '../store/schema.ts'

type ReleaseRow = Selectable<Tables['releases']>

export async function insertRelease(tx: Tx, ctx: Context, release: Release): Promise<void> {
  await tx
    .insertInto('releases')
    .values({
      id: release.id,
      project: ctx.project,
      endpoint: release.endpoint,
      kind: release.kind,
      state: release.state,
      plan: JSON.stringify(release.plan),
      from_ref: release.from,
      to_ref: release.to,
      forced: release.forced,
      why: release.why,
      stage: release.stage,
      stage_at: release.stageAt,
      opened_at: release.openedAt,
      closed_at: release.closedAt,
      at: release.at,
      actor: release.actor,
      reason: release.reason,
      analysis: release.analysis && JSON.stringify(release.analysis),
    })
    .execute()
}

/** How an open release ended, and on what grounds. */
export interface Ending {
  readonly state: 'promoted' | 'rolled_back'
  readonly closedAt: string
  readonly reason: string
  readonly analysis: AnalysisReply | null
}

export async function endRelease(tx: Tx, id: string, ending: Ending): Promise<void> {
  const { state, closedAt, reason, analysis } = ending
  await tx
    .updateTable('releases')
    .set({
      state,
      reason,
      closed_at: closedAt,
      ...(analysis && { analysis: JSON.stringify(analysis) }),
    })
    .where('id', '=', id)
    .execute()
  await tx.deleteFrom('release_failures').where('release_id', '=', id).execute()
}

/** Marks the release that brought the stable version as what it is from now on. */
export async function retire(
  tx: Tx,
  ctx: Context,
  endpoint: string,
  state: 'superseded' | 'rolled_back',
): Promise<void> {
  await tx
    .updateTable('releases')
    .set({ state })
    .where('project', '=', ctx.project)
    .where('endpoint', '=', endpoint)
    .where('state', '=', 'promoted')
    .execute()
}

/** Keeps what an analysis said of a release that stays open. */
export async function noteAnalysis(tx: Tx, id: string, analysis: AnalysisReply): Promise<void> {
  await tx
    .updateTable('releases')
    .set({ analysis: JSON.stringify(analysis) })
    .where('id', '=', id)
    .where('state', '=', 'open')
    .execute()
}

/** The next stage begins, with nothing said of it yet. */
export async function beginStage(
  tx: Tx,
  id: string,
  { stage, at }: { readonly stage: number; readonly at: string | null },
): Promise<void> {
  await tx
    .updateTable('releases')
    .set({ stage, stage_at: at, analysis: null })
    .where('id', '=', id)
    .execute()
}

/** The endpoint's open release. */
export async function findOpen(
  db: Tx,
  ctx: Context,
  endpoint: string,
): Promise<Release | undefined> {
  const row = await db
    .selectFrom('releases')
    .selectAll()
    .where('project', '=', ctx.project)
    .where('endpoint', '=', endpoint)
    .where('state', '=', 'open')
    .executeTakeFirst()
  return row && toRelease(row)
}

/** Throws NOT_FOUND. */
export async function getRelease(db: Tx, ctx: Context, id: string): Promise<Release> {
  const row = await db
    .selectFrom('releases')
    .selectAll()
    .where('project', '=', ctx.project)
    .where('id', '=', id)
    .executeTakeFirst()
  if (!row) throw new GyreError('NOT_FOUND', `no such release: ${id}`, { id })
  return toRelease(row)
}

/** Newest first; of one endpoint when given. */
export async function listReleases(
  db: Tx,
  ctx: Context,
  endpoint?: string,
): Promise<readonly Release[]> {
  let query = db.selectFrom('releases').selectAll().where('project', '=', ctx.project)
  if (endpoint !== undefined) query = query.where('endpoint', '=', endpoint)
  const rows = await query.orderBy('seq', 'desc').execute()
  return rows.map(toRelease)
}

function toRelease(row: ReleaseRow): Release {
  return {
    id: row.id,
    endpoint: row.endpoint,
    kind: ReleaseKind.parse(row.kind),
    state: ReleaseState.parse(row.state),
    plan: ReleasePlan.parse(JSON.parse(row.plan)),
    from: row.from_ref,
    to: row.to_ref,
    forced: row.forced,
    why: row.why,
    stage: row.stage,
    stageAt: row.stage_at,
    openedAt: row.opened_at,
    closedAt: row.closed_at,
    at: row.at,
    actor: row.actor,
    reason: row.reason,
    analysis: row.analysis === null ? null : AnalysisReply.parse(JSON.parse(row.analysis)),
  }
}
