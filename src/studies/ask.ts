import type { Asked } from '@gyre/sdk/wire/study'
import type { Context } from '../core/context.ts'
import { durationMs } from '../core/duration.ts'
import { GyreError } from '../core/errors.ts'
import { workOf } from '../pipelines/trial-work.ts'
import type { Tx } from '../store/catalog.ts'
import type { Leases } from '../store/lease.ts'
import { assertActive, getExperiment } from '../tracking/experiments.ts'
import { searcherOf } from './searcher.ts'
import { endedOf, type StudyRow } from './study-row.ts'
import { loadTrials, setTrial, type TrialRow } from './trial-row.ts'
import {
  endTrialRun,
  LEASE_HOLDER,
  leaseName,
  startTrialRun,
  type TrialRunDeps,
} from './trial-run.ts'

export type AskDeps = TrialRunDeps & { readonly leases: Leases }

/**
 * What a worker is to do next. A trial whose worker is silent is handed on when a pipeline does its work, and is lost
 * else. Throws CONFLICT.
 */
export async function askTrial(
  deps: AskDeps,
  tx: Tx,
  ctx: Context,
  study: StudyRow,
): Promise<Asked> {
  const trials: TrialRow[] = []
  for (const trial of await loadTrials(tx, study.seq)) {
    if (trial.state !== 'running' || !(await isSilent(deps, tx, trial))) trials.push(trial)
    else if ((await workOf(tx, ctx.project, trial.run)) !== undefined)
      return handOn(deps, tx, study, trial)
    else trials.push(await loseTrial(deps, tx, ctx, study, trial))
  }
  const ended = endedOf(trials)
  if (ended >= study.trials) return { state: 'done' }
  const running = trials.filter(({ state }) => state === 'running').length
  if (running >= study.spec.parallel || ended + running >= study.trials) return { state: 'wait' }
  assertActive(await getExperiment(tx, ctx, study.experiment))
  return startTrial(deps, tx, ctx, study, trials)
}

async function startTrial(
  deps: AskDeps,
  tx: Tx,
  ctx: Context,
  study: StudyRow,
  before: readonly TrialRow[],
): Promise<Asked> {
  const number = before.length
  const params = searcherOf(study.spec).suggest(before, number)
  const run = await startTrialRun(deps, tx, ctx, study, { number, params })
  const patienceMs = durationMs(study.spec.patience)
  const lease = await deps.leases.acquire(leaseName(run), LEASE_HOLDER, patienceMs, tx)
  if (!lease) throw new GyreError('INTERNAL', `somebody has the lease of the new run ${run}`)
  const { fence } = lease
  await tx
    .insertInto('study_trials')
    .values({
      study: study.seq,
      number,
      run_id: run,
      params: JSON.stringify(params),
      state: 'running',
      fence,
      value: null,
      step: null,
    })
    .execute()
  return { state: 'trial', number, run, params, fence, patienceMs }
}

/** Whether nobody keeps a running trial's lease any more: whoever can take it knows. */
export async function isSilent(deps: AskDeps, tx: Tx, trial: TrialRow): Promise<boolean> {
  return (await mayTake(deps, tx, trial, 0)) !== undefined
}

async function mayTake({ leases }: AskDeps, tx: Tx, { run }: TrialRow, patienceMs: number) {
  return leases.acquire(leaseName(run), LEASE_HOLDER, patienceMs, tx)
}

/** The trial goes on under a new worker: what its pipeline does is not done twice. */
async function handOn(deps: AskDeps, tx: Tx, study: StudyRow, trial: TrialRow): Promise<Asked> {
  const { number, run, params } = trial
  const patienceMs = durationMs(study.spec.patience)
  const lease = await mayTake(deps, tx, trial, patienceMs)
  if (!lease) throw new GyreError('INTERNAL', `somebody has the lease of the silent run ${run}`)
  const { fence } = lease
  await setTrial(tx, study.seq, number, { fence })
  return { state: 'trial', number, run, params, fence, patienceMs }
}

/** Ends a trial whose worker is silent, and its run with it. */
export async function loseTrial(
  deps: AskDeps,
  tx: Tx,
  ctx: Context,
  study: StudyRow,
  trial: TrialRow,
): Promise<TrialRow> {
  const message = `its worker was silent for ${study.spec.patience}`
  const error = { code: 'UNAVAILABLE', message }
  await endTrialRun(deps, tx, ctx, trial.run, { state: 'lost', error })
  await setTrial(tx, study.seq, trial.number, { state: 'lost' })
  return { ...trial, state: 'lost' }
}
