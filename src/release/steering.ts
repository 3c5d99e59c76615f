import type { Release } from '@gyre/sdk/wire/release'
import type { Context } from '../core/context.ts'
import { durationMs } from '../core/duration.ts'
import type { Tx } from '../store/catalog.ts'
import { banditWeight, type ArmRewards, type Rewards } from './bandit.ts'
import { tell, type MoveDeps } from './moves.ts'
import { findOpen } from './release-row.ts'

/** A share that would move by less stays: each move is a revision of the route and an event. */
const LEAST_MOVE_BP = 100

/** Counts of the release's arms by variant, from the log of predictions. */
export type ReadRewards = (
  ctx: Context,
  query: { readonly endpoint: string; readonly releaseId: string; readonly horizonMs: number },
) => Promise<readonly ({ readonly variant: string } & Rewards)[]>

const NOTHING: Rewards = { requests: 0, successes: 0, failures: 0 }

/** What came back for both arms of a bandit so far. */
export async function rewardsOf(
  read: ReadRewards,
  ctx: Context,
  { id, endpoint, plan }: Release,
): Promise<ArmRewards> {
  const horizonMs = durationMs(plan.horizon, 'plan.horizon')
  const arms = await read(ctx, { endpoint, releaseId: id, horizonMs })
  const of = (arm: string) => arms.find(({ variant }) => variant === arm) ?? NOTHING
  return { canary: of('canary'), stable: of('stable') }
}

/** Gives the arms of an open bandit the shares that their rewards call for, in the caller's unit. */
export async function steerBandit(
  deps: MoveDeps,
  tx: Tx,
  ctx: Context,
  release: Release,
  rewards: ArmRewards,
): Promise<void> {
  const open = await findOpen(tx, ctx, release.endpoint)
  const route = await deps.routes.get(ctx, release.endpoint, tx)
  const { canary, stable, previous } = route
  if (open?.id !== release.id || canary?.releaseId !== release.id) return
  const weightBp = banditWeight(release.plan, rewards)
  if (Math.abs(weightBp - canary.weightBp) < LEAST_MOVE_BP) return
  const arms = { stable, previous, canary: { ...canary, weightBp } }
  await deps.routes.write(tx, ctx, release.endpoint, route.rev, arms)
  const counts = { canary: { ...rewards.canary }, stable: { ...rewards.stable } }
  await tell(deps, tx, ctx, 'release.steered', release, { weightBp, rewards: counts })
}
