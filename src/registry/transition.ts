import type { ModelVersion } from '@gyre/sdk/wire/model'
import type { Stage } from '@gyre/sdk/wire/stage'
import type { Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { Tx } from '../store/catalog.ts'
import type { Events } from '../store/events.ts'
import { isBehindEndpoint, type FindEndpoints } from './endpoint-use.ts'
import type { Verdicts } from './gate-check.ts'
import type { FindPolicy } from './model-policy.ts'
import { getByKey } from './model-version.ts'
import { assertPromotable } from './promotion.ts'
import { assertNotForbidden, assertNotServing } from './stage.ts'
import { moveStage, othersIn } from './stage-move.ts'
import { keyOf, type VersionKey } from './version-key.ts'

export interface Transition {
  readonly to: Stage
  /** Archives, in the same unit, whatever else is in the stage: `staging` and `production` alone can be emptied so. */
  readonly archiveExisting: boolean
}

interface Deps {
  readonly events: Events
  readonly clock: Clock
  readonly verdicts: Verdicts
  readonly policy: FindPolicy
  readonly endpoints: FindEndpoints
}

/**
 * MLflow's move between stages: from any to any, where the policy forbids none, no release has put the version where
 * it is and, into production, the gates permit it. Throws INVALID_ARGUMENT, CONFLICT, APPROVAL_MISSING, GATE_REFUSED and NOT_FOUND.
 */
export async function transition(
  deps: Deps,
  tx: Tx,
  ctx: Context,
  key: VersionKey,
  { to, archiveExisting }: Transition,
): Promise<ModelVersion> {
  if (archiveExisting && to !== 'staging' && to !== 'production')
    throw new GyreError(
      'INVALID_ARGUMENT',
      `archive_existing_versions: only staging and production can be emptied, not ${to}`,
      { field: 'archive_existing_versions' },
    )
  const version = await getByKey(tx, ctx, key)
  const policy = await deps.policy(tx, ctx, version.name)
  const followsReleases = isBehindEndpoint(await deps.endpoints(tx, ctx), version.name)
  const assertMovable = (one: ModelVersion, stage: Stage): void => {
    if (one.stage === stage) return
    if (followsReleases && one.stage === 'production') assertNotServing(one)
    assertNotForbidden(one.ref, one.stage, stage, policy)
  }
  assertMovable(version, to)
  if (to === 'production' && version.stage !== to) await assertPromotable(deps, tx, ctx, version)
  if (archiveExisting)
    for (const other of await othersIn(tx, ctx, version, to)) {
      assertMovable(other, 'archived')
      await moveStage(deps, tx, ctx, other, 'archived')
    }
  await moveStage(deps, tx, ctx, version, to)
  return getByKey(tx, ctx, keyOf(version))
}
