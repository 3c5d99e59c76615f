import type { RunError } from '@gyre/sdk/wire/run'
import type { TrialParams, TrialState } from '@gyre/sdk/wire/study'
import type { Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import type { Tx } from '../store/catalog.ts'
import type { RunEnd, Runs } from '../store/runs.ts'
import type { StudyRow } from './study-row.ts'

export interface TrialRunDeps {
  readonly runs: Runs
  readonly clock: Clock
}

/** All workers' leases are held by the server on their behalf. */
export const LEASE_HOLDER = 'studies'

/** The lease that a trial's worker keeps by saying something. */
export function leaseName(run: string): string {
  return `trial:${run}`
}

/** A run under the study's experiment, so that clients of MLflow see it too; gives its id. */
export async function startTrialRun(
  { runs, clock }: TrialRunDeps,
  tx: Tx,
  ctx: Context,
  study: StudyRow,
  { number, params }: { readonly number: number; readonly params: TrialParams },
): Promise<string> {
  const name = `${study.spec.name}-${number}`
  const { id } = await runs.start(
    ctx,
    {
      kind: 'trial',
      name,
      params,
      parentId: study.run,
      tags: { 'mlflow.runName': name },
      tracked: {
        experiment: study.experiment,
        userId: ctx.actor,
        startMs: clock.now().getTime(),
      },
    },
    tx,
  )
  return id
}

type Ended = Exclude<TrialState, 'running'>

const STATUS: Readonly<Record<Ended, RunEnd['status']>> = {
  finished: 'succeeded',
  pruned: 'cancelled',
  failed: 'failed',
  lost: 'lost',
}

/** Ends the run of a trial. A client of MLflow may have ended it before, and not as it should have. */
export async function endTrialRun(
  { runs }: TrialRunDeps,
  tx: Tx,
  ctx: Context,
  run: string,
  { state, error }: { readonly state: Ended; readonly error?: RunError },
): Promise<void> {
  const { status } = await runs.get(ctx, run, tx)
  if (status !== 'running') await runs.amend(ctx, run, { phase: 'RUNNING' }, tx)
  await runs.finish(ctx, run, { status: STATUS[state], ...(error ? { error } : {}) }, tx)
}
