import type { Asked, Study, StudySpec, StudySummary, Trial, TrialEnd } from '@gyre/sdk/wire/study'
import type { Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import { canonicalJson } from '../core/digest.ts'
import { durationMs } from '../core/duration.ts'
import { GyreError } from '../core/errors.ts'
import type { Catalog, Tx } from '../store/catalog.ts'
import type { Events } from '../store/events.ts'
import type { Leases } from '../store/lease.ts'
import type { Runs } from '../store/runs.ts'
import { assertActive, getExperiment, type Experiments } from '../tracking/experiments.ts'
import { askTrial } from './ask.ts'
import { shouldStop } from './prune.ts'
import { removeStudy } from './remove.ts'
import { searcherOf } from './searcher.ts'
import { findStudy, getStudy, listStudies, toStudy, toSummary, type StudyRow } from './study-row.ts'
import { endTrialRun, LEASE_HOLDER, leaseName } from './trial-run.ts'
import { countEnded, getTrial, loadTrials, setTrial, toTrial, type TrialRow } from './trial-row.ts'

/** A report of a trial at a step of its own counting. */
export interface TrialReport {
  readonly fence: number
  readonly step: number
  readonly value: number
}

/**
 * Searches for the best parameters: workers, wherever they run, ask for trials and tell how they went. Every trial
 * is a run. The verbs about one trial throw NOT_FOUND, and FENCED once its worker was silent for too long.
 */
export interface Studies {
  /** The study, which may be there already with the same definition. Throws ALREADY_EXISTS, INVALID_ARGUMENT. */
  create(ctx: Context, spec: StudySpec): Promise<Study>
  /** Throws NOT_FOUND, as all below. */
  get(ctx: Context, name: string): Promise<Study>
  /** Newest first. */
  list(ctx: Context): Promise<readonly StudySummary[]>
  /** In the order of their starts. */
  trials(ctx: Context, name: string): Promise<readonly Trial[]>
  /** What the caller is to do next: a trial, to wait, or nothing more. */
  ask(ctx: Context, name: string): Promise<Asked>
  heartbeat(ctx: Context, name: string, trial: number, fence: number): Promise<void>
  /** Whether the trial should end as pruned. Throws INVALID_ARGUMENT for a step before the last one. */
  report(ctx: Context, name: string, trial: number, report: TrialReport): Promise<boolean>
  /** Saying the same again changes nothing. */
  tell(ctx: Context, name: string, trial: number, end: TrialEnd): Promise<Trial>
  /** Takes the study out, its trials' runs stay. Throws CONFLICT while a trial has a worker. */
  remove(ctx: Context, name: string): Promise<{ readonly trials: number }>
}

export interface StudiesDeps {
  readonly catalog: Catalog
  readonly events: Events
  readonly runs: Runs
  readonly leases: Leases
  readonly clock: Clock
  readonly experiments: Experiments
}

export function createStudies(deps: StudiesDeps): Studies {
  const { catalog, events, runs, leases, experiments } = deps

  async function heartbeat(
    ctx: Context,
    name: string,
    number: number,
    fence: number,
  ): Promise<void> {
    const { seq, spec } = await getStudy(catalog.read, ctx, name)
    const trial = await getTrial(catalog.read, seq, number)
    if (trial.state !== 'running') throw endedError(trial)
    await leases.renew(leaseName(trial.run), LEASE_HOLDER, fence, durationMs(spec.patience))
  }

  /** The trial, if its lease is held under `fence`. */
  async function held(tx: Tx, study: StudyRow, number: number, fence: number): Promise<TrialRow> {
    const trial = await getTrial(tx, study.seq, number)
    if (trial.state !== 'running') throw endedError(trial)
    await leases.assertHeld(tx, leaseName(trial.run), fence)
    return trial
  }

  return {
    async create(ctx, spec) {
      const { trials } = searcherOf(spec)
      durationMs(spec.patience, 'patience')
      const known = await findStudy(catalog.read, ctx, spec.name)
      if (known) {
        assertSame(known.spec, spec)
        return asStudy(catalog.read, known)
      }
      const { number: experiment } = await experiments.named(ctx, spec.name)
      await catalog.write(async (tx) => {
        assertActive(await getExperiment(tx, ctx, experiment))
        const { name } = spec
        const run = await runs.start(ctx, { kind: 'study', name, seed: spec.seed }, tx)
        await tx
          .insertInto('studies')
          .values({
            project: ctx.project,
            name,
            run_id: run.id,
            experiment,
            spec: JSON.stringify(spec),
            trials,
          })
          .execute()
        const data = { run: run.id, trials, experiment: String(experiment) }
        await events.append(tx, ctx, {
          type: 'study.created',
          subject: { kind: 'study', id: name },
          data,
        })
      })
      return asStudy(catalog.read, await getStudy(catalog.read, ctx, spec.name))
    },

    async get(ctx, name) {
      return asStudy(catalog.read, await getStudy(catalog.read, ctx, name))
    },

    async list(ctx) {
      const rows = await listStudies(catalog.read, ctx)
      return Promise.all(
        rows.map(async (row) => toSummary(row, await loadTrials(catalog.read, row.seq))),
      )
    },

    async trials(ctx, name) {
      const { seq } = await getStudy(catalog.read, ctx, name)
      return (await loadTrials(catalog.read, seq)).map(toTrial)
    },

    ask: (ctx, name) =>
      catalog.write(async (tx) => askTrial(deps, tx, ctx, await getStudy(tx, ctx, name))),

    remove: (ctx, name) => catalog.write((tx) => removeStudy(deps, tx, ctx, name)),

    heartbeat,

    async report(ctx, name, number, { fence, step, value }) {
      await heartbeat(ctx, name, number, fence)
      return catalog.write(async (tx) => {
        const study = await getStudy(tx, ctx, name)
        const trial = await held(tx, study, number, fence)
        if (step < (trial.step ?? 0))
          throw new GyreError(
            'INVALID_ARGUMENT',
            `step: expected ${trial.step} or later, got ${step}`,
            { field: 'step' },
          )
        await tx
          .insertInto('study_reports')
          .values({ study: study.seq, trial: number, step, value: storable(value) })
          .onConflict((conflict) =>
            conflict.columns(['study', 'trial', 'step']).doUpdateSet({ value: storable(value) }),
          )
          .execute()
        await runs.logMetrics(ctx, trial.run, [{ key: study.spec.metric, value, step }], tx)
        await setTrial(tx, study.seq, number, { value: storable(value), step })
        return shouldStop(tx, study, trial)
      })
    },

    tell: (ctx, name, number, end) =>
      catalog.write(async (tx) => {
        const study = await getStudy(tx, ctx, name)
        const before = await getTrial(tx, study.seq, number)
        if (isToldAgain(before, end)) return toTrial(before)
        const trial = await held(tx, study, number, end.fence)
        if (end.state === 'finished') {
          const { metric } = study.spec
          const point = { key: metric, value: end.value, step: trial.step ?? 0 }
          await runs.logMetrics(ctx, trial.run, [point], tx)
        }
        const value = end.state === 'finished' ? { value: storable(end.value) } : {}
        await setTrial(tx, study.seq, number, { state: end.state, ...value })
        if (end.by !== undefined) {
          await runs.get(ctx, end.by, tx)
          await runs.addInputs(ctx, trial.run, [{ ref: `run:${end.by}`, role: 'by' }], tx)
        }
        const { state } = end
        const error =
          state === 'failed' ? { error: { code: 'STEP_FAILED', message: end.message } } : {}
        await endTrialRun(deps, tx, ctx, trial.run, { state, ...error })
        await leases.release(leaseName(trial.run), LEASE_HOLDER, end.fence, tx)
        if ((await countEnded(tx, study.seq)) >= study.trials) await conclude(tx, ctx, study)
        return toTrial(await getTrial(tx, study.seq, number))
      }),
  }

  async function conclude(tx: Tx, ctx: Context, study: StudyRow): Promise<void> {
    const { best, counts } = await asStudy(tx, study)
    await runs.finish(ctx, study.run, { status: 'succeeded' }, tx)
    await events.append(tx, ctx, {
      type: 'study.finished',
      subject: { kind: 'study', id: study.spec.name },
      data: { counts, best: best && { number: best.number, run: best.run } },
    })
  }
}

async function asStudy(db: Tx, row: StudyRow): Promise<Study> {
  return toStudy(row, await loadTrials(db, row.seq))
}

/** SQLite has no NaN. */
function storable(value: number): number | null {
  return Number.isNaN(value) ? null : value
}

/** A worker says again what it got no answer to. */
function isToldAgain({ state, fence, value }: TrialRow, end: TrialEnd): boolean {
  if (state !== end.state || fence !== end.fence) return false
  return end.state !== 'finished' || Object.is(value, end.value)
}

/** Throws ALREADY_EXISTS unless both define the same search. */
function assertSame(known: StudySpec, asked: StudySpec): void {
  // The order of parameters is the order in which they are drawn.
  if (Object.keys(known.over).join() === Object.keys(asked.over).join())
    if (canonicalJson(known) === canonicalJson(asked)) return
  throw new GyreError(
    'ALREADY_EXISTS',
    `the study ${known.name} is another search; go on with its own definition, or take a new name`,
    { study: known.name, field: 'name' },
  )
}

function endedError({ number, state }: TrialRow): GyreError {
  return new GyreError('FENCED', `trial ${number} has ended already: ${state}`, { number, state })
}
