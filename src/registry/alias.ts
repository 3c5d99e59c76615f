import { Name } from '@gyre/sdk/wire/ref'
import type { AliasMove } from '@gyre/sdk/wire/model'
import type { Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { Tx } from '../store/catalog.ts'
import type { Events } from '../store/events.ts'
import { findAlias } from './model-version.ts'
import { modelSubject, type VersionKey } from './version-key.ts'

/** The alias that follows the route: release and rollback alone move it where an endpoint answers with the model. */
export const PRODUCTION = 'production'

/** Aliases by which those who load a model find the one to serve: moving one of a gated model is a promotion. */
const PROMOTING: ReadonlySet<string> = new Set([PRODUCTION, 'champion'])

interface Deps {
  readonly events: Events
  readonly clock: Clock
}

/** Points an alias at a version, with its event; nothing happens when it points there already. */
export async function moveAlias(
  deps: Deps,
  tx: Tx,
  ctx: Context,
  alias: string,
  { name, version }: VersionKey,
): Promise<void> {
  const before = (await findAlias(tx, ctx, name, alias))?.version ?? null
  if (before === version) return
  await tx
    .insertInto('model_aliases')
    .values({ project: ctx.project, name, alias, version })
    .onConflict((conflict) =>
      conflict.columns(['project', 'name', 'alias']).doUpdateSet({ version }),
    )
    .execute()
  await tell(deps, tx, ctx, { name, alias, from: before, to: version })
}

/** Takes an alias away, with its event; nothing happens when it is not there. */
export async function removeAlias(
  deps: Deps,
  tx: Tx,
  ctx: Context,
  name: string,
  alias: string,
): Promise<void> {
  const before = await findAlias(tx, ctx, name, alias)
  if (!before) return
  await tx
    .deleteFrom('model_aliases')
    .where('project', '=', ctx.project)
    .where('name', '=', name)
    .where('alias', '=', alias)
    .execute()
  await tell(deps, tx, ctx, { name, alias, from: before.version, to: null })
}

interface Move {
  readonly name: string
  readonly alias: string
  readonly from: number | null
  readonly to: number | null
}

async function tell(
  { events, clock }: Deps,
  tx: Tx,
  ctx: Context,
  { name, alias, from, to }: Move,
): Promise<void> {
  await tx
    .insertInto('model_alias_moves')
    .values({
      project: ctx.project,
      name,
      alias,
      from_version: from,
      to_version: to,
      at_ms: clock.now().getTime(),
      actor: ctx.actor,
    })
    .execute()
  await events.append(tx, ctx, {
    type: to === null ? 'model.unaliased' : 'model.aliased',
    subject: modelSubject({ name, version: to ?? from ?? 0 }),
    data: { alias, from, to },
  })
}

/** Where the aliases of a model have pointed, oldest first; one of them when given. */
export async function aliasMoves(
  db: Tx,
  { project }: Context,
  name: string,
  alias?: string,
): Promise<readonly AliasMove[]> {
  let query = db
    .selectFrom('model_alias_moves')
    .selectAll()
    .where('project', '=', project)
    .where('name', '=', name)
  if (alias !== undefined) query = query.where('alias', '=', alias)
  const rows = await query.orderBy('seq').execute()
  return rows.map(({ alias: moved, from_version, to_version, at_ms, actor }) => ({
    alias: moved,
    from: from_version === null ? null : String(from_version),
    to: to_version === null ? null : String(to_version),
    at: new Date(at_ms).toISOString(),
    actor,
  }))
}

export function isPromoting(alias: string): boolean {
  return PROMOTING.has(alias.toLowerCase())
}

export function followsReleases(alias: string): boolean {
  return alias.toLowerCase() === PRODUCTION
}

export function followsReleasesError(alias: string): GyreError {
  return new GyreError(
    'CONFLICT',
    `alias: ${alias} follows the releases: move it with "gyre release" or "gyre rollback"`,
    { alias },
  )
}

/** Throws for an alias of Gyre's own that a number would hide or that follows the route. */
export function assertFreeAlias(alias: string): void {
  if (!Name.safeParse(alias).success)
    throw new GyreError(
      'INVALID_ARGUMENT',
      `alias: expected a name, got ${JSON.stringify(alias)}`,
      {
        field: 'alias',
      },
    )
  if (followsReleases(alias)) throw followsReleasesError(alias)
}
