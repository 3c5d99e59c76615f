import type { Release } from '@gyre/sdk/wire/release'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { Tx } from '../store/catalog.ts'
import { loadEvidence } from './counter-rows.ts'
import { judge } from './judging.ts'
import { advanceCanary, type Grounds, type MoveDeps } from './moves.ts'

/**
 * Lets a canary go on whose stage has passed, by what is counted in the caller's unit. Throws CONFLICT where it has
 * not: an approval is of proof that is there.
 */
export async function approveStage(
  deps: MoveDeps,
  tx: Tx,
  ctx: Context,
  release: Release,
  grounds: Grounds,
): Promise<void> {
  if (release.kind !== 'canary')
    throw new GyreError(
      'CONFLICT',
      `a ${release.kind} has no stages to approve: "gyre release complete ${release.endpoint}" or abort it`,
      { endpoint: release.endpoint, kind: release.kind },
    )
  const analysis = judge(await loadEvidence(tx, release.id), release)
  if (analysis.verdict !== 'pass')
    throw new GyreError(
      'CONFLICT',
      `stage ${release.stage + 1} of ${release.endpoint} has not passed (${analysis.reason}): wait, or go on without proof by "gyre release advance ${release.endpoint}"`,
      { endpoint: release.endpoint, stage: release.stage, verdict: analysis.verdict },
    )
  await advanceCanary(deps, tx, ctx, release, { ...grounds, analysis })
}
