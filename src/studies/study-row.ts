import { StudySpec, type Study, type StudySummary, type TrialState } from '@gyre/sdk/wire/study'
import type { Selectable } from 'kysely'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { Tx } from '../store/catalog.ts'
import type { Tables } from '../store/schema.ts'
import { searcherOf, type Searcher } from './searcher.ts'
import { toTrial, type TrialRow } from './trial-row.ts'

/** A study as the catalog has it. */
export interface StudyRow {
  readonly seq: number
  readonly run: string
  readonly experiment: number
  readonly spec: StudySpec
  /** Trials that must end. */
  readonly trials: number
}

/** Throws NOT_FOUND. */
export async function getStudy(db: Tx, ctx: Context, name: string): Promise<StudyRow> {
  const study = await findStudy(db, ctx, name)
  if (!study) throw new GyreError('NOT_FOUND', `no such study: ${name}`, { study: name })
  return study
}

export async function findStudy(db: Tx, ctx: Context, name: string): Promise<StudyRow | undefined> {
  const row = await db
    .selectFrom('studies')
    .selectAll()
    .where('project', '=', ctx.project)
    .where('name', '=', name)
    .executeTakeFirst()
  return row && toStudyRow(row)
}

/** Newest first. */
export async function listStudies(db: Tx, ctx: Context): Promise<readonly StudyRow[]> {
  const rows = await db
    .selectFrom('studies')
    .selectAll()
    .where('project', '=', ctx.project)
    .orderBy('seq', 'desc')
    .execute()
  return rows.map(toStudyRow)
}

function toStudyRow(row: Selectable<Tables['studies']>): StudyRow {
  const { seq, run_id: run, experiment, trials } = row
  return { seq, run, experiment, trials, spec: StudySpec.parse(JSON.parse(row.spec)) }
}

/** Lost trials do not count: others take their place. */
export function endedOf(trials: readonly TrialRow[]): number {
  return trials.filter(({ state }) => state !== 'running' && state !== 'lost').length
}

export function toStudy(row: StudyRow, trials: readonly TrialRow[]): Study {
  return {
    ...row.spec,
    ...toSummary(row, trials),
    experiment: String(row.experiment),
    importance: { ...searcherOf(row.spec).importance(trials) },
  }
}

export function toSummary(
  { spec, run, trials: asked }: StudyRow,
  trials: readonly TrialRow[],
): StudySummary {
  const best = bestOf(trials, searcherOf(spec))
  return {
    name: spec.name,
    run,
    state: endedOf(trials) >= asked ? 'done' : 'running',
    trials: asked,
    counts: countsOf(trials),
    best: best ? toTrial(best) : null,
  }
}

function bestOf(trials: readonly TrialRow[], { lossOf }: Searcher): TrialRow | undefined {
  let best: TrialRow | undefined
  let least = Number.POSITIVE_INFINITY
  for (const trial of trials) {
    if (trial.state !== 'finished') continue
    const loss = lossOf(trial.value ?? Number.NaN)
    if (loss < least || (!best && loss === least)) [best, least] = [trial, loss]
  }
  return best
}

function countsOf(trials: readonly TrialRow[]): Record<TrialState, number> {
  const counts = { running: 0, finished: 0, pruned: 0, failed: 0, lost: 0 }
  for (const { state } of trials) counts[state] += 1
  return counts
}
