import type { ModelVersion, RegisteredModel } from '@gyre/sdk/wire/model'
import type { Stage } from '@gyre/sdk/wire/stage'
import type { Selectable } from 'kysely'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import { groupBy } from '../core/group.ts'
import type { Tx } from '../store/catalog.ts'
import type { Tables } from '../store/schema.ts'
import { versionRows } from './model-version.ts'
import { modelRef } from './version-key.ts'
import { toVersions } from './version-row.ts'

type ModelRow = Selectable<Tables['registered_models']>

/** Registered models that are not deleted; narrow it with `where`. */
function modelRows(db: Tx, { project }: Context) {
  return db
    .selectFrom('registered_models')
    .selectAll()
    .where('project', '=', project)
    .where('deleted_ms', 'is', null)
}

export async function findModel(
  db: Tx,
  ctx: Context,
  name: string,
): Promise<RegisteredModel | undefined> {
  const rows = await modelRows(db, ctx).where('name', '=', name).execute()
  return (await toModels(db, ctx, rows))[0]
}

/** Throws NOT_FOUND. */
export async function getModel(db: Tx, ctx: Context, name: string): Promise<RegisteredModel> {
  const model = await findModel(db, ctx, name)
  if (!model) throw noSuchModel(name)
  return model
}

/** The seq of a model's row. Throws NOT_FOUND. */
export async function seqOfModel(db: Tx, ctx: Context, name: string): Promise<number> {
  const row = await modelRows(db, ctx).where('name', '=', name).executeTakeFirst()
  if (!row) throw noSuchModel(name)
  return row.seq
}

function noSuchModel(name: string): GyreError {
  return new GyreError('NOT_FOUND', `no such model: ${name}`, { name })
}

/** Models in the order of `rows`, which come by the page. */
export async function toModels(
  db: Tx,
  ctx: Context,
  rows: readonly ModelRow[],
): Promise<RegisteredModel[]> {
  const names = rows.map(({ name }) => name)
  if (names.length === 0) return []
  const tags = await db
    .selectFrom('registered_model_tags')
    .selectAll()
    .where(
      'model',
      'in',
      rows.map(({ seq }) => seq),
    )
    .orderBy('key')
    .execute()
  const aliases = await db
    .selectFrom('model_aliases')
    .selectAll()
    .where('project', '=', ctx.project)
    .where('name', 'in', names)
    .orderBy('alias')
    .execute()
  const latest = groupBy(await latestVersions(db, ctx, names), ({ name }) => name)
  const tagsOf = groupBy(tags, ({ model }) => model)
  const aliasesOf = groupBy(aliases, ({ name }) => name)
  return rows.map(({ seq, name, description, created_ms, updated_ms }) => ({
    name,
    description,
    createdAt: new Date(created_ms).toISOString(),
    updatedAt: new Date(updated_ms).toISOString(),
    tags: Object.fromEntries((tagsOf.get(seq) ?? []).map(({ key, value }) => [key, value])),
    aliases: Object.fromEntries(
      (aliasesOf.get(name) ?? []).map(({ alias, version }) => [alias, String(version)]),
    ),
    latest: latest.get(name) ?? [],
  }))
}

/** The newest version in each stage, in the order in which the stages were first reached by number. */
async function latestVersions(
  db: Tx,
  ctx: Context,
  names: readonly string[],
): Promise<ModelVersion[]> {
  const stages = await stagesOf(db, ctx, names).execute()
  const rows = await versionRows(db, ctx)
    .where((eb) =>
      eb(
        eb.refTuple('name', 'version'),
        'in',
        db
          .selectFrom(stagesOf(db, ctx, names).as('stages'))
          .select(['name', 'newest'])
          .$asTuple('name', 'newest'),
      ),
    )
    .execute()
  const found = new Map((await toVersions(db, ctx, rows)).map((version) => [version.ref, version]))
  return stages.flatMap(({ name, newest }) => found.get(modelRef({ name, version: newest })) ?? [])
}

/** Each stage that a model has versions in: the newest of them and the oldest. */
function stagesOf(db: Tx, { project }: Context, names: readonly string[]) {
  return db
    .selectFrom('model_versions')
    .select(['name', 'stage'])
    .select((eb) => [
      eb.fn.max<number>('version').as('newest'),
      eb.fn.min<number>('version').as('oldest'),
    ])
    .where('project', '=', project)
    .where('name', 'in', names)
    .where('deleted_ms', 'is', null)
    .groupBy(['name', 'stage'])
    .orderBy('oldest')
}

/** Those of a model's newest versions that are in one of the stages. */
export function inStages(
  { latest }: RegisteredModel,
  stages: readonly Stage[],
): readonly ModelVersion[] {
  return latest.filter(({ stage }) => stages.includes(stage))
}
