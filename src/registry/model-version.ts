import { Metrics } from '@gyre/sdk/wire/gate'
import type { Approval, ModelVersion } from '@gyre/sdk/wire/model'
import { z } from 'zod'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import { parseRef } from '../core/ref.ts'
import type { Tx } from '../store/catalog.ts'
import type { Tables } from '../store/schema.ts'

/** A version as numbers: what its row is found by. */
export interface VersionKey {
  readonly name: string
  readonly version: number
}

const Tags = z.record(z.string(), z.string())

/** `model:churn@7`. */
export function modelRef({ name, version }: VersionKey): string {
  return `model:${name}@${version}`
}

/** The subject of an event about a version: `churn@7`. */
export function modelSubject({ name, version }: VersionKey) {
  return { kind: 'model', id: `${name}@${version}` }
}

/** Reads `model:churn@7` or `model:churn@production`; undefined when there is no such version or alias. */
async function findKey(db: Tx, ctx: Context, text: string): Promise<VersionKey | undefined> {
  const { kind, name, version } = parseRef(text)
  if (kind !== 'model')
    throw new GyreError(
      'INVALID_ARGUMENT',
      `expected a reference like model:churn@7, got ${text}`,
      {
        got: text,
      },
    )
  if (/^[1-9]\d{0,8}$/.test(version)) return { name, version: Number(version) }
  const row = await db
    .selectFrom('model_aliases')
    .select('version')
    .where('project', '=', ctx.project)
    .where('name', '=', name)
    .where('alias', '=', version)
    .executeTakeFirst()
  return row && { name, version: row.version }
}

export async function findVersion(
  db: Tx,
  ctx: Context,
  ref: string,
): Promise<ModelVersion | undefined> {
  const key = await findKey(db, ctx, ref)
  if (!key) return undefined
  const row = await db
    .selectFrom('model_versions')
    .selectAll()
    .where('project', '=', ctx.project)
    .where('name', '=', key.name)
    .where('version', '=', key.version)
    .executeTakeFirst()
  return row && (await withDecisions(db, ctx, [row]))[0]
}

/** Throws NOT_FOUND naming the reference. */
export async function getVersion(db: Tx, ctx: Context, ref: string): Promise<ModelVersion> {
  const version = await findVersion(db, ctx, ref)
  if (!version) throw new GyreError('NOT_FOUND', `no such model version: ${ref}`, { ref })
  return version
}

/** The project's versions, newest first within each name; of one name when given. */
export async function listVersions(
  db: Tx,
  ctx: Context,
  name?: string,
): Promise<readonly ModelVersion[]> {
  let query = db.selectFrom('model_versions').selectAll().where('project', '=', ctx.project)
  if (name !== undefined) query = query.where('name', '=', name)
  const rows = await query.orderBy('name').orderBy('version', 'desc').execute()
  return withDecisions(db, ctx, rows)
}

/** The versions that a run registered. */
export async function versionsOfRun(
  db: Tx,
  ctx: Context,
  runId: string,
): Promise<readonly ModelVersion[]> {
  const rows = await db
    .selectFrom('model_versions')
    .selectAll()
    .where('project', '=', ctx.project)
    .where('run_id', '=', runId)
    .orderBy('name')
    .orderBy('version')
    .execute()
  return withDecisions(db, ctx, rows)
}

export function keyOf({ name, version }: ModelVersion): VersionKey {
  return { name, version: Number(version) }
}

type VersionRow = Tables['model_versions']

async function withDecisions(
  db: Tx,
  ctx: Context,
  rows: readonly VersionRow[],
): Promise<ModelVersion[]> {
  const names = [...new Set(rows.map((row) => row.name))]
  if (names.length === 0) return []
  const aliases = await db
    .selectFrom('model_aliases')
    .selectAll()
    .where('project', '=', ctx.project)
    .where('name', 'in', names)
    .orderBy('alias')
    .execute()
  const approvals = await db
    .selectFrom('model_approvals')
    .selectAll()
    .where('project', '=', ctx.project)
    .where('name', 'in', names)
    .orderBy('seq')
    .execute()
  const isOf = (row: VersionRow) => (other: VersionKey) =>
    other.name === row.name && other.version === row.version
  return rows.map((row) =>
    toVersion(
      row,
      aliases.filter(isOf(row)).map(({ alias }) => alias),
      approvals
        .filter(isOf(row))
        .map(({ actor, decision, note, at }) => ({ actor, decision, note, at })),
    ),
  )
}

function toVersion(row: VersionRow, aliases: string[], approvals: Approval[]): ModelVersion {
  return {
    name: row.name,
    version: String(row.version),
    ref: modelRef(row),
    digest: row.digest,
    stage: row.stage,
    aliases,
    approvals,
    metrics: Metrics.parse(JSON.parse(row.metrics)),
    runId: row.run_id,
    createdAt: row.created_at,
    createdBy: row.created_by,
    tags: Tags.parse(JSON.parse(row.tags)),
  }
}
