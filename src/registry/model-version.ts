import type { ModelVersion } from '@gyre/sdk/wire/model'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import { parseRef } from '../core/ref.ts'
import type { Tx } from '../store/catalog.ts'
import { PROMPT_TAG } from './model-tag.ts'
import type { VersionKey } from './version-key.ts'
import { toVersions } from './version-row.ts'

/** Reads `model:churn@7` or `model:churn@production`; undefined when there is no such alias. */
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
  return findAlias(db, ctx, name, version)
}

/** The version an alias points at. */
export async function findAlias(
  db: Tx,
  ctx: Context,
  name: string,
  alias: string,
): Promise<VersionKey | undefined> {
  const row = await db
    .selectFrom('model_aliases')
    .select('version')
    .where('project', '=', ctx.project)
    .where('name', '=', name)
    .where('alias', '=', alias)
    .executeTakeFirst()
  return row && { name, version: row.version }
}

/** Versions that are not deleted; narrow it with `where`. */
export function versionRows(db: Tx, ctx: Context) {
  return db
    .selectFrom('model_versions')
    .selectAll()
    .where('project', '=', ctx.project)
    .where('deleted_ms', 'is', null)
}

async function findByKey(
  db: Tx,
  ctx: Context,
  { name, version }: VersionKey,
): Promise<ModelVersion | undefined> {
  const rows = await versionRows(db, ctx)
    .where('name', '=', name)
    .where('version', '=', version)
    .execute()
  return (await toVersions(db, ctx, rows))[0]
}

/** Throws NOT_FOUND naming both. */
export async function getByKey(db: Tx, ctx: Context, key: VersionKey): Promise<ModelVersion> {
  const found = await findByKey(db, ctx, key)
  if (!found) throw noSuchVersion(key)
  return found
}

/** The seq of a version's row. Throws NOT_FOUND. */
export async function seqOfVersion(
  db: Tx,
  ctx: Context,
  { name, version }: VersionKey,
): Promise<number> {
  const row = await versionRows(db, ctx)
    .where('name', '=', name)
    .where('version', '=', version)
    .executeTakeFirst()
  if (!row) throw noSuchVersion({ name, version })
  return row.seq
}

function noSuchVersion({ name, version }: VersionKey): GyreError {
  return new GyreError('NOT_FOUND', `Model Version (name=${name}, version=${version}) not found`, {
    name,
    version,
  })
}

export async function findVersion(
  db: Tx,
  ctx: Context,
  ref: string,
): Promise<ModelVersion | undefined> {
  const key = await findKey(db, ctx, ref)
  return key && findByKey(db, ctx, key)
}

/** Throws NOT_FOUND naming the reference. */
export async function getVersion(db: Tx, ctx: Context, ref: string): Promise<ModelVersion> {
  const version = await findVersion(db, ctx, ref)
  if (!version) throw new GyreError('NOT_FOUND', `no such model version: ${ref}`, { ref })
  return version
}

/** The project's versions, newest first within each name; of one name when given. Prompts are listed by name alone. */
export async function listVersions(
  db: Tx,
  ctx: Context,
  name?: string,
): Promise<readonly ModelVersion[]> {
  const rows = versionRows(db, ctx)
  const query =
    name === undefined
      ? rows.where('seq', 'not in', (eb) =>
          eb
            .selectFrom('model_version_tags')
            .select('version')
            .where('key', '=', PROMPT_TAG)
            .where('value', '=', 'true'),
        )
      : rows.where('name', '=', name)
  return toVersions(db, ctx, await query.orderBy('name').orderBy('version', 'desc').execute())
}

/** The newest version of a name that consists of these files. */
export async function findByDigest(
  db: Tx,
  ctx: Context,
  name: string,
  digest: string,
): Promise<ModelVersion | undefined> {
  const rows = await versionRows(db, ctx)
    .where('name', '=', name)
    .where('digest', '=', digest)
    .orderBy('version', 'desc')
    .limit(1)
    .execute()
  return (await toVersions(db, ctx, rows))[0]
}

/** The versions that a run registered. */
export async function versionsOfRun(
  db: Tx,
  ctx: Context,
  runId: string,
): Promise<readonly ModelVersion[]> {
  const rows = await versionRows(db, ctx)
    .where('run_id', '=', runId)
    .orderBy('name')
    .orderBy('version')
    .execute()
  return toVersions(db, ctx, rows)
}
