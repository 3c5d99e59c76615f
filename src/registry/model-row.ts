import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { Tx } from '../store/catalog.ts'
import type { Tag } from './model-tag.ts'

/** Registers a name, or takes up one again that was deleted; nothing happens to one that is there. */
export async function putModel(
  tx: Tx,
  { project }: Context,
  { name, description, atMs }: { name: string; description: string; atMs: number },
): Promise<void> {
  const row = { description, created_ms: atMs, updated_ms: atMs, deleted_ms: null }
  await tx
    .insertInto('registered_models')
    .values({ project, name, ...row })
    .onConflict((conflict) =>
      conflict
        .columns(['project', 'name'])
        .doUpdateSet(row)
        .where('registered_models.deleted_ms', 'is not', null),
    )
    .execute()
}

/** A new name is taken up by everything that hangs on the model. */
export async function amendModel(
  tx: Tx,
  { project }: Context,
  name: string,
  change: { name?: string; description?: string; updated_ms: number },
): Promise<void> {
  await tx
    .updateTable('registered_models')
    .set(change)
    .where('project', '=', project)
    .where('name', '=', name)
    .execute()
}

/** Throws ALREADY_EXISTS for a deleted name too, since its numbers are in use. */
export async function assertUnused(tx: Tx, { project }: Context, name: string): Promise<void> {
  const row = await tx
    .selectFrom('registered_models')
    .select('deleted_ms')
    .where('project', '=', project)
    .where('name', '=', name)
    .executeTakeFirst()
  if (!row) return
  const state = row.deleted_ms === null ? 'already exists' : 'was deleted, and runs still name it'
  throw new GyreError('ALREADY_EXISTS', `Registered Model (name=${name}) ${state}.`, { name })
}

/** Leaves the rows, so that the numbers of the versions are not given again. */
export async function buryModel(
  tx: Tx,
  { project }: Context,
  name: string,
  deletedMs: number,
): Promise<void> {
  await tx
    .deleteFrom('model_aliases')
    .where('project', '=', project)
    .where('name', '=', name)
    .execute()
  await tx
    .deleteFrom('registered_model_tags')
    .where('model', 'in', (eb) =>
      eb
        .selectFrom('registered_models')
        .select('seq')
        .where('project', '=', project)
        .where('name', '=', name),
    )
    .execute()
  for (const table of ['model_versions', 'registered_models'] as const)
    await tx
      .updateTable(table)
      .set({ deleted_ms: deletedMs })
      .where('project', '=', project)
      .where('name', '=', name)
      .where('deleted_ms', 'is', null)
      .execute()
}

/** Everything that hangs on the model goes with it. */
export async function eraseModel(tx: Tx, { project }: Context, name: string): Promise<void> {
  await tx
    .deleteFrom('registered_models')
    .where('project', '=', project)
    .where('name', '=', name)
    .execute()
}

/** `model` is the seq of its row. */
export async function putModelTag(tx: Tx, model: number, tag: Tag): Promise<void> {
  await tx
    .insertInto('registered_model_tags')
    .values({ model, ...tag })
    .onConflict((conflict) => conflict.columns(['model', 'key']).doUpdateSet({ value: tag.value }))
    .execute()
}

/** `model` is the seq of its row. */
export async function removeModelTag(tx: Tx, model: number, key: string): Promise<void> {
  await tx
    .deleteFrom('registered_model_tags')
    .where('model', '=', model)
    .where('key', '=', key)
    .execute()
}

/** Says of every version of a model that it has changed. */
export async function touchVersions(
  tx: Tx,
  { project }: Context,
  name: string,
  updatedMs: number,
): Promise<void> {
  await tx
    .updateTable('model_versions')
    .set({ updated_ms: updatedMs })
    .where('project', '=', project)
    .where('name', '=', name)
    .execute()
}
