import type { StepState } from '@gyre/sdk/wire/pipeline'
import type { Run, RunRef } from '@gyre/sdk/wire/run'
import type { Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import { formatRef, parseRef } from '../core/ref.ts'
import type { Catalog, Tx } from '../store/catalog.ts'
import type { Leases } from '../store/lease.ts'
import type { Runs } from '../store/runs.ts'
import { artifactsIn } from './artifacts.ts'
import type { BuiltinResult } from './builtin.ts'
import { cancellation } from './cancel.ts'
import { forgetCheckpoint, inheritMetrics, lastCheckpoint } from './checkpoint.ts'
import { LEASE_HOLDER, leaseName, STEP_LEASE_MS, type LeasedStep } from './leased-step.ts'
import { MAX_LOST } from './lost-attempts.ts'
import {
  failureFrom,
  inputsOf,
  toRunError,
  updateStep,
  type StepFailure,
  type StepRow,
} from './step-store.ts'
import { runParams, stepCommand } from './step-command.ts'
import type { StepTask } from './step-task.ts'

/** Each change of a step's state is one unit with its lease, its run and its place in the cache. */
export interface TransitionDeps {
  readonly catalog: Catalog
  readonly runs: Runs
  readonly leases: Leases
  readonly clock: Clock
  /** What this server's process runs on. */
  readonly facts: Run['environment']
  /** The number of the experiment called so, made when there is none. */
  readonly experiment: (ctx: Context, name: string) => Promise<number>
}

/** pending → succeeded with the outputs of an earlier run; false when there is none to reuse, or the step is forced. */
export async function reuse(
  { catalog, clock }: TransitionDeps,
  ctx: Context,
  { row, key, parts, inputs, extra }: StepTask,
): Promise<boolean> {
  if (key === null || row.forced === 1) return false
  return catalog.write(async (tx) => {
    const hit = await tx
      .selectFrom('step_cache')
      .selectAll()
      .where('project', '=', ctx.project)
      .where('cache_key', '=', key)
      .executeTakeFirst()
    if (!hit) return false
    const now = clock.now().toISOString()
    await updateStep(tx, row, {
      state: 'succeeded',
      cached: 1,
      cache_key: key,
      cache_parts: JSON.stringify(parts),
      run_id: hit.run_id,
      inputs: JSON.stringify(inputs),
      extra: JSON.stringify(extra),
      outputs: hit.outputs,
      error: null,
      started_at: now,
      ended_at: now,
    })
    return true
  })
}

const RUN_KIND = {
  module: 'training',
  python: 'training',
  gate: 'evaluation',
  'training-set': 'training-set',
  register: 'register',
} as const

/** The code of a step's run, and the pipeline as that code defines it: both under the code's version. */
function definedBy({ pipeline: name, code_ref }: StepTask['pipeline']): RunRef[] {
  const { version } = parseRef(code_ref)
  return [
    { ref: code_ref, role: 'code' },
    { ref: formatRef({ kind: 'pipeline', name, version }), role: 'pipeline' },
  ]
}

/** pending | failed → leased, with a run of its own. Throws CONFLICT while another attempt holds the lease. */
export async function begin(
  { catalog, runs, leases, clock, facts, experiment }: TransitionDeps,
  ctx: Context,
  { pipeline, spec, row, inputs, seed, extra, parts, key, source, upstreamRuns }: StepTask,
): Promise<LeasedStep> {
  // A script may log by MLflow's client, which knows no run outside an experiment.
  const number = spec.kind === 'python' ? await experiment(ctx, pipeline.pipeline) : undefined
  return catalog.write(async (tx) => {
    const checkpoint = await lastCheckpoint(tx, row)
    const lease = await leases.acquire(leaseName(row), LEASE_HOLDER, STEP_LEASE_MS, tx)
    if (!lease)
      throw new GyreError('CONFLICT', `step ${row.step} is being run already`, { step: row.step })
    const run = await runs.start(
      ctx,
      {
        kind: RUN_KIND[spec.kind],
        name: spec.name,
        parentId: pipeline.id,
        params: runParams(spec, inputs),
        inputs: [
          ...definedBy(pipeline),
          ...artifactsIn(inputs),
          ...upstreamRuns,
          ...(checkpoint ? [{ ref: `run:${checkpoint.runId}`, role: 'resumes' }] : []),
        ],
        code: {
          ref: pipeline.code_ref,
          digest: pipeline.bundle,
          ...source,
          command: stepCommand(spec),
        },
        // What a process of its own runs on, that process tells.
        environment: ['module', 'python', 'gate'].includes(spec.kind) ? {} : facts,
        seed,
        ...(number !== undefined && {
          tags: { 'mlflow.runName': spec.name },
          tracked: { experiment: number, userId: ctx.actor, startMs: clock.now().getTime() },
        }),
      },
      tx,
    )
    if (checkpoint) await inheritMetrics(tx, ctx, checkpoint, run.id)
    const change = {
      state: 'leased',
      attempt: row.attempt + 1,
      fence: lease.fence,
      cache_key: key,
      cache_parts: JSON.stringify(parts),
      run_id: run.id,
      inputs: JSON.stringify(inputs),
      extra: JSON.stringify(extra),
      error: null,
      started_at: clock.now().toISOString(),
      ended_at: null,
    }
    await updateStep(tx, row, change)
    return { ...row, ...change }
  })
}

/** What a step made; whatever it writes to the catalog for that is part of the unit that ends the step. */
export type Conclude = (tx: Tx) => Promise<BuiltinResult>

/** leased → succeeded. Throws FENCED when the step went to another attempt. */
export async function succeed(
  { catalog, runs, leases, clock }: TransitionDeps,
  ctx: Context,
  step: LeasedStep,
  conclude: Conclude,
): Promise<void> {
  const { run_id: runId, cache_key: key } = step
  const given = new Set(artifactsIn(inputsOf(step)).map(({ ref }) => ref))
  await catalog.write(async (tx) => {
    await leases.assertHeld(tx, leaseName(step), step.fence)
    const { outputs, read, made = [], metrics } = await conclude(tx)
    const text = JSON.stringify(outputs)
    const now = clock.now().toISOString()
    if (read) await runs.addInputs(ctx, runId, read, tx)
    if (metrics) await runs.logMetrics(ctx, runId, metrics, tx)
    // What was handed through was not made here.
    const fresh = artifactsIn(outputs).filter(({ ref }) => !given.has(ref))
    await runs.finish(ctx, runId, { status: 'succeeded', outputs: [...fresh, ...made] }, tx)
    await updateStep(tx, step, { state: 'succeeded', outputs: text, ended_at: now })
    await forgetCheckpoint(tx, step)
    if (key !== null)
      await tx
        .insertInto('step_cache')
        .values({
          project: ctx.project,
          cache_key: key,
          outputs: text,
          run_id: runId,
          created_at: now,
        })
        .onConflict((conflict) =>
          step.forced === 1
            ? conflict.doUpdateSet({ outputs: text, run_id: runId, created_at: now })
            : conflict.doNothing(),
        )
        .execute()
    await leases.release(leaseName(step), LEASE_HOLDER, step.fence, tx)
  })
}

/** leased → failed, or cancelled with its run; nothing happens when the step went to another attempt or has ended. */
export async function fail(
  { catalog, runs, leases, clock }: TransitionDeps,
  ctx: Context,
  step: LeasedStep,
  failure: StepFailure,
): Promise<void> {
  await catalog.write(async (tx) => {
    const cancelled = await cancellation(tx, step.pipeline_run_id)
    const error = cancelled ?? failure
    const status = cancelled ? 'cancelled' : 'failed'
    const ended = await updateStep(
      tx,
      step,
      { state: status, error: JSON.stringify(error), ended_at: clock.now().toISOString() },
      { state: 'leased', fence: step.fence },
    )
    if (!ended) return
    await runs.finish(ctx, step.run_id, { status, error: toRunError(error) }, tx)
    await leases.release(leaseName(step), LEASE_HOLDER, step.fence, tx)
  })
}

/** Puts a fuller account in the place of the error that a step's process reported of itself. */
export async function explain(
  { catalog, runs }: TransitionDeps,
  ctx: Context,
  step: LeasedStep,
  error: StepFailure,
): Promise<void> {
  const change = { error: JSON.stringify(error) }
  const only = { state: 'failed', fence: step.fence } as const
  await catalog.write(async (tx) => {
    if (await updateStep(tx, step, change, only))
      await runs.explain(ctx, step.run_id, toRunError(error), tx)
  })
}

/** pending → failed: its inputs do not fit, or a built-in step's settings are wrong. */
export async function refuse(
  { catalog, clock }: TransitionDeps,
  row: StepRow,
  thrown: unknown,
): Promise<void> {
  const error = JSON.stringify(failureFrom(thrown))
  const now = clock.now().toISOString()
  await catalog.write((tx) =>
    updateStep(tx, row, { state: 'failed', attempt: row.attempt + 1, error, ended_at: now }),
  )
}

/**
 * leased → pending, for a step whose process went with its server: its run is lost, its fence void. Leased →
 * failed for one that was lost `lostBefore` times, as often as may be; leased → cancelled with its run.
 */
export async function takeBack(
  { catalog, runs, leases, clock }: TransitionDeps,
  ctx: Context,
  row: StepRow,
  lostBefore: number,
): Promise<void> {
  await catalog.write(async (tx) => {
    const cancelled = await cancellation(tx, row.pipeline_run_id)
    const now = clock.now().toISOString()
    await leases.release(leaseName(row), LEASE_HOLDER, row.fence, tx)
    if (row.run_id !== null) {
      const end = cancelled
        ? { status: 'cancelled' as const, error: toRunError(cancelled) }
        : { status: 'lost' as const, error: LOST }
      await runs.finish(ctx, row.run_id, end, tx)
    }
    await updateStep(tx, row, cancelled ? endedAs('cancelled', cancelled, now) : lost(now))
  })

  function lost(now: string): Partial<StepRow> {
    if (lostBefore < MAX_LOST) return { state: 'pending', started_at: null }
    const times = `the server stopped ${lostBefore + 1} times while it ran`
    return endedAs('failed', { ...LOST, message: times }, now)
  }
}

const LOST = { code: 'UNAVAILABLE', message: 'the server stopped while the step ran' }

function endedAs(state: StepState, error: StepFailure, now: string): Partial<StepRow> {
  return { state, error: JSON.stringify(error), ended_at: now }
}
