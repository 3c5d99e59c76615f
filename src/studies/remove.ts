import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { Tx } from '../store/catalog.ts'
import type { Events } from '../store/events.ts'
import { isSilent, loseTrial, type AskDeps } from './ask.ts'
import { getStudy } from './study-row.ts'
import { loadTrials } from './trial-row.ts'

/**
 * Takes a study out, so that its name is free: the runs of it and of its trials stay. Throws NOT_FOUND, and CONFLICT
 * while a worker is at one of its trials.
 */
export async function removeStudy(
  deps: AskDeps & { readonly events: Events },
  tx: Tx,
  ctx: Context,
  name: string,
): Promise<{ readonly trials: number }> {
  const study = await getStudy(tx, ctx, name)
  const trials = await loadTrials(tx, study.seq)
  for (const trial of trials.filter(({ state }) => state === 'running')) {
    if (!(await isSilent(deps, tx, trial)))
      throw new GyreError(
        'CONFLICT',
        `trial ${trial.number} of ${name} is running: stop its worker, and try again in ${study.spec.patience}`,
        { study: name, trial: trial.number },
      )
    await loseTrial(deps, tx, ctx, study, trial)
  }
  const { status } = await deps.runs.get(ctx, study.run, tx)
  if (status === 'running') await deps.runs.finish(ctx, study.run, { status: 'cancelled' }, tx)
  await tx.deleteFrom('study_reports').where('study', '=', study.seq).execute()
  await tx.deleteFrom('study_trials').where('study', '=', study.seq).execute()
  await tx.deleteFrom('studies').where('seq', '=', study.seq).execute()
  await deps.events.append(tx, ctx, {
    type: 'study.removed',
    subject: { kind: 'study', id: name },
    data: { run: study.run, trials: trials.length },
  })
  return { trials: trials.length }
}
