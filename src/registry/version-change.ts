import type { Updateable } from 'kysely'
import type { Context } from '../core/context.ts'
import type { Tx } from '../store/catalog.ts'
import type { Tables } from '../store/schema.ts'
import type { Tag } from './model-tag.ts'
import type { VersionKey } from './version-key.ts'

/** What may change of a version; its files, its run and its number may not. */
export async function amendVersion(
  tx: Tx,
  { project }: Context,
  { name, version }: VersionKey,
  change: Pick<Updateable<Tables['model_versions']>, 'description' | 'stage' | 'deleted_ms'> & {
    readonly updated_ms: number
  },
): Promise<void> {
  await tx
    .updateTable('model_versions')
    .set(change)
    .where('project', '=', project)
    .where('name', '=', name)
    .where('version', '=', version)
    .execute()
}

/** `version` is the seq of its row. */
export async function putVersionTag(tx: Tx, version: number, tag: Tag): Promise<void> {
  await tx
    .insertInto('model_version_tags')
    .values({ version, ...tag })
    .onConflict((conflict) =>
      conflict.columns(['version', 'key']).doUpdateSet({ value: tag.value }),
    )
    .execute()
}

/** `version` is the seq of its row. */
export async function removeVersionTag(tx: Tx, version: number, key: string): Promise<void> {
  await tx
    .deleteFrom('model_version_tags')
    .where('version', '=', version)
    .where('key', '=', key)
    .execute()
}
