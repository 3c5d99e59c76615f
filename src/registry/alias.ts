import { Name } from '@gyre/sdk/wire/ref'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { Tx } from '../store/catalog.ts'
import type { Events } from '../store/events.ts'
import { modelSubject, type VersionKey } from './model-version.ts'

/** The alias that follows the route: release and rollback alone move it. */
export const PRODUCTION = 'production'

/** Points an alias at a version, with its event; nothing happens when it points there already. */
export async function moveAlias(
  { events }: { readonly events: Events },
  tx: Tx,
  ctx: Context,
  alias: string,
  { name, version }: VersionKey,
): Promise<void> {
  const { project } = ctx
  const before = await tx
    .selectFrom('model_aliases')
    .select('version')
    .where('project', '=', project)
    .where('name', '=', name)
    .where('alias', '=', alias)
    .executeTakeFirst()
  if (before?.version === version) return
  await tx
    .insertInto('model_aliases')
    .values({ project, name, alias, version })
    .onConflict((conflict) =>
      conflict.columns(['project', 'name', 'alias']).doUpdateSet({ version }),
    )
    .execute()
  await events.append(tx, ctx, {
    type: 'model.aliased',
    subject: modelSubject({ name, version }),
    data: { alias, from: before?.version ?? null, to: version },
  })
}

/** Throws for an alias that a number would hide or that follows the route. */
export function assertFreeAlias(alias: string): void {
  if (!Name.safeParse(alias).success)
    throw new GyreError(
      'INVALID_ARGUMENT',
      `alias: expected a name, got ${JSON.stringify(alias)}`,
      {
        field: 'alias',
      },
    )
  if (alias === PRODUCTION)
    throw new GyreError(
      'CONFLICT',
      `alias: ${PRODUCTION} follows the releases: move it with "gyre release" or "gyre rollback"`,
      { alias },
    )
}
