import { TrialParams, type Trial, type TrialState } from '@gyre/sdk/wire/study'
import type { Selectable } from 'kysely'
import type { Tx } from '../store/catalog.ts'
import { GyreError } from '../core/errors.ts'
import type { Tables } from '../store/schema.ts'
import type { Report } from './search/pruner.ts'

/** A trial as the catalog has it. */
export interface TrialRow {
  readonly number: number
  readonly run: string
  readonly params: TrialParams
  readonly state: TrialState
  readonly fence: number
  /** NaN where that is what its worker told. */
  readonly value: number | undefined
  readonly step: number | undefined
}

/** All trials of a study, in the order of their starts. */
export async function loadTrials(db: Tx, study: number): Promise<readonly TrialRow[]> {
  const rows = await db
    .selectFrom('study_trials')
    .selectAll()
    .where('study', '=', study)
    .orderBy('number')
    .execute()
  return rows.map(toTrialRow)
}

/** Lost trials do not count: others take their place. */
export async function countEnded(db: Tx, study: number): Promise<number> {
  const row = await db
    .selectFrom('study_trials')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('study', '=', study)
    .where('state', 'in', ['finished', 'pruned', 'failed'])
    .executeTakeFirstOrThrow()
  return row.count
}

/** Throws NOT_FOUND. */
export async function getTrial(db: Tx, study: number, number: number): Promise<TrialRow> {
  const row = await db
    .selectFrom('study_trials')
    .selectAll()
    .where('study', '=', study)
    .where('number', '=', number)
    .executeTakeFirst()
  if (!row) throw new GyreError('NOT_FOUND', `the study has no trial ${number}`, { number })
  return toTrialRow(row)
}

function toTrialRow(row: Selectable<Tables['study_trials']>): TrialRow {
  const { number, run_id: run, state, fence, step } = row
  // SQLite keeps NaN as NULL; a finished trial has told a value, and a pruned one with a step too.
  const hasTold = state === 'finished' || step !== null
  return {
    number,
    run,
    params: TrialParams.parse(JSON.parse(row.params)),
    state,
    fence,
    value: row.value ?? (hasTold ? Number.NaN : undefined),
    step: step ?? undefined,
  }
}

export function toTrial({ number, run, state, params, value, step }: TrialRow): Trial {
  return { number, run, state, params, value: value ?? null, step: step ?? null }
}

/** A trial's reports by step. */
export async function reportsOf(
  db: Tx,
  study: number,
  trial: number,
  lossOf: (value: number) => number,
): Promise<readonly Report[]> {
  const rows = await db
    .selectFrom('study_reports')
    .select(['step', 'value'])
    .where('study', '=', study)
    .where('trial', '=', trial)
    .orderBy('step')
    .execute()
  return rows.map(({ step, value }) => ({ step, loss: lossOf(value ?? Number.NaN) }))
}

/** By trial, its first report at `step` or after it: one seek each. */
export async function reportsFrom(
  db: Tx,
  study: number,
  from: number,
  lossOf: (value: number) => number,
): Promise<ReadonlyMap<number, Report>> {
  const rows = await db
    .selectFrom('study_trials as t')
    .innerJoin('study_reports as r', (join) =>
      join.onRef('r.study', '=', 't.study').onRef('r.trial', '=', 't.number'),
    )
    .select(['r.trial', 'r.step', 'r.value'])
    .where('t.study', '=', study)
    .where((eb) =>
      eb(
        'r.step',
        '=',
        eb
          .selectFrom('study_reports as f')
          .select((fn) => fn.fn.min('f.step').as('step'))
          .whereRef('f.study', '=', 't.study')
          .whereRef('f.trial', '=', 't.number')
          .where('f.step', '>=', from),
      ),
    )
    .execute()
  return new Map(
    rows.map(({ trial, step, value }) => [trial, { step, loss: lossOf(value ?? Number.NaN) }]),
  )
}

export async function setTrial(
  tx: Tx,
  study: number,
  number: number,
  change: {
    readonly state?: TrialRow['state']
    readonly fence?: number
    readonly value?: number | null
    readonly step?: number
  },
): Promise<void> {
  await tx
    .updateTable('study_trials')
    .set(change)
    .where('study', '=', study)
    .where('number', '=', number)
    .execute()
}
