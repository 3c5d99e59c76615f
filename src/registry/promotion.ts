import type { ModelVersion } from '@gyre/sdk/wire/model'
import type { Context } from '../core/context.ts'
import type { Tx } from '../store/catalog.ts'
import { followsReleases, followsReleasesError, isPromoting } from './alias.ts'
import { assertApproved } from './approval.ts'
import { isBehindEndpoint, type FindEndpoints } from './endpoint-use.ts'
import { assertPassed, type Verdicts } from './gate-check.ts'
import type { FindPolicy } from './model-policy.ts'

interface Deps {
  readonly verdicts: Verdicts
  readonly policy: FindPolicy
  readonly endpoints: FindEndpoints
}

/**
 * Throws APPROVAL_MISSING and GATE_REFUSED for a version of a gated model that may not be promoted; of any other
 * model everything may.
 */
export async function assertPromotable(
  { verdicts, policy }: Pick<Deps, 'verdicts' | 'policy'>,
  tx: Tx,
  ctx: Context,
  version: ModelVersion,
): Promise<void> {
  const found = await policy(tx, ctx, version.name)
  if (!found.gated) return
  await assertApproved(verdicts, tx, ctx, version, found)
  await assertPassed(verdicts, tx, ctx, version)
}

/**
 * Throws CONFLICT for the alias that releases move, where an endpoint answers with the model, and as
 * `assertPromotable` for an alias by which a version is found that shall serve.
 */
export async function assertAliasMovable(
  deps: Deps,
  tx: Tx,
  ctx: Context,
  version: ModelVersion,
  alias: string,
): Promise<void> {
  await assertNotFollowing(deps, tx, ctx, version.name, alias)
  if (isPromoting(alias)) await assertPromotable(deps, tx, ctx, version)
}

/** Throws CONFLICT for the alias that releases move, where an endpoint answers with the model. */
export async function assertNotFollowing(
  { endpoints }: Pick<Deps, 'endpoints'>,
  tx: Tx,
  ctx: Context,
  name: string,
  alias: string,
): Promise<void> {
  if (!followsReleases(alias)) return
  if (isBehindEndpoint(await endpoints(tx, ctx), name)) throw followsReleasesError(alias)
}
