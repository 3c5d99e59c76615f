import type { Tx } from '../store/catalog.ts'
import { progressOf, searcherOf } from './searcher.ts'
import type { StudyRow } from './study-row.ts'
import { loadTrials, reportsFrom, reportsOf, type TrialRow } from './trial-row.ts'

/** Whether a trial, which has just reported, is not worth its further steps. */
export async function shouldStop(tx: Tx, study: StudyRow, trial: TrialRow): Promise<boolean> {
  const { pruner, lossOf } = searcherOf(study.spec)
  if (!pruner) return false
  const own = progressOf(trial, await reportsOf(tx, study.seq, trial.number, lossOf))
  const at = pruner.comparesAt(own)
  if (at === undefined) return false
  const first = await reportsFrom(tx, study.seq, at, lossOf)
  const others = (await loadTrials(tx, study.seq)).flatMap((other) => {
    if (other.number === trial.number || other.state === 'lost') return []
    const report = first.get(other.number)
    return [progressOf(other, report ? [report] : [])]
  })
  return pruner.stops(own, others)
}
