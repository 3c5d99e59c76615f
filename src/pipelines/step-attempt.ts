import type { StepSpec } from '@gyre/sdk/wire/pipeline'
import type { JsonValue } from '@gyre/sdk/wire/ref'
import type { RunRef } from '@gyre/sdk/wire/run'
import type { Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import { durationMs } from '../core/duration.ts'
import { GyreError, toGyreError } from '../core/errors.ts'
import type { Exec, JobEnd } from '../exec/exec.ts'
import type { Catalog } from '../store/catalog.ts'
import type { Leases } from '../store/lease.ts'
import type { Runs } from '../store/runs.ts'
import type { BuiltinResult, Builtins } from './builtin.ts'
import { cacheKey, cacheParts } from './cache-key.ts'
import { jsonOf, loadStep, updateStep, type PipelineRow, type StepRow } from './step-store.ts'

/** A step's process that has not been heard of for so long has lost its step. */
export const STEP_LEASE_MS = 30_000

/** A built-in step has no time-out of its own. */
const BUILTIN_TIMEOUT_MS = 30 * 60_000

export interface AttemptDeps {
  readonly catalog: Catalog
  readonly runs: Runs
  readonly leases: Leases
  readonly exec: Exec
  readonly clock: Clock
  readonly builtins: Builtins
  /** The environment of a step's process: where the server is, and the pass it shows there. */
  environment(
    ctx: Context,
    step: { readonly name: string; readonly timeoutMs: number },
  ): Readonly<Record<string, string>>
}

export interface StepTask {
  readonly pipeline: PipelineRow
  readonly spec: StepSpec
  readonly row: StepRow
  readonly inputs: Readonly<Record<string, JsonValue>>
  readonly seed: number
  /** Runs of the steps whose outputs this one reads, for lineage. */
  readonly upstreamRuns: readonly RunRef[]
}

export function leaseName(pipelineRunId: string, step: string): string {
  return `step:${pipelineRunId}/${step}`
}

/** Brings one pending step to its end: from the cache, here, or in a process of its own. */
export async function attemptStep(
  deps: AttemptDeps,
  ctx: Context,
  task: StepTask,
  stopping: AbortSignal,
): Promise<void> {
  const { spec, inputs, seed, row } = task
  const extra = await prepareStep(deps.builtins, ctx, spec, inputs)
  const key = isCached(deps.builtins, spec) ? cacheKey(cacheParts(spec, inputs, seed, extra)) : null
  if (key !== null && (await takeFromCache(deps, ctx, task, key))) return
  const started = await start(deps, ctx, task, key)
  try {
    const result = await perform(deps, ctx, task, started)
    if (result) await succeed(deps, ctx, { row, ...started, key }, result)
  } catch (thrown) {
    // A step cut short by the server's own end is not a failure: it starts over at the next start.
    if (stopping.aborted) return
    await fail(deps, ctx, { row, ...started }, toGyreError(thrown))
  }
}

export async function prepareStep(
  builtins: Builtins,
  ctx: Context,
  spec: StepSpec,
  inputs: Readonly<Record<string, JsonValue>>,
): Promise<JsonValue> {
  switch (spec.kind) {
    case 'module':
      return null
    case 'training-set':
      return builtins['training-set'].prepare(ctx, { spec, inputs })
    case 'gate':
      return builtins.gate.prepare(ctx, { spec, inputs })
    case 'register':
      return builtins.register.prepare(ctx, { spec, inputs })
  }
}

function isCached(builtins: Builtins, spec: StepSpec): boolean {
  return spec.kind === 'module' || builtins[spec.kind].cached
}

async function takeFromCache(
  { catalog, clock }: AttemptDeps,
  ctx: Context,
  { row }: StepTask,
  key: string,
): Promise<boolean> {
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
      run_id: hit.run_id,
      outputs: hit.outputs,
      started_at: now,
      ended_at: now,
    })
    return true
  })
}

interface Started {
  readonly runId: string
  readonly fence: number
}

async function start(
  { catalog, runs, leases, clock }: AttemptDeps,
  ctx: Context,
  { pipeline, spec, row, inputs, seed, upstreamRuns }: StepTask,
  key: string | null,
): Promise<Started> {
  const name = leaseName(pipeline.id, spec.name)
  const lease = await leases.acquire(name, 'server', STEP_LEASE_MS)
  if (!lease)
    throw new GyreError('CONFLICT', `step ${spec.name} is being run already`, { step: spec.name })
  return catalog.write(async (tx) => {
    const run = await runs.start(
      ctx,
      {
        kind: spec.kind === 'gate' ? 'evaluation' : spec.kind === 'module' ? 'training' : spec.kind,
        name: spec.name,
        parentId: pipeline.id,
        params: inputs,
        inputs: [{ ref: pipeline.code_ref, role: 'code' }, ...upstreamRuns],
        code: { ref: pipeline.code_ref, digest: pipeline.bundle },
        seed,
      },
      tx,
    )
    await updateStep(tx, row, {
      state: 'leased',
      attempt: row.attempt + 1,
      fence: lease.fence,
      cache_key: key,
      run_id: run.id,
      inputs: JSON.stringify(inputs),
      started_at: clock.now().toISOString(),
    })
    return { runId: run.id, fence: lease.fence }
  })
}

/** What the step made, or undefined when its own process has reported that already. */
async function perform(
  deps: AttemptDeps,
  ctx: Context,
  task: StepTask,
  { runId, fence }: Started,
): Promise<BuiltinResult | undefined> {
  const { spec, inputs, pipeline } = task
  const rest = { inputs, runId, codeRef: pipeline.code_ref }
  if (spec.kind === 'training-set' && deps.builtins['training-set'].where === 'server')
    return keepLease(deps, task, fence, deps.builtins['training-set'].run(ctx, { spec, ...rest }))
  if (spec.kind === 'register' && deps.builtins.register.where === 'server')
    return keepLease(deps, task, fence, deps.builtins.register.run(ctx, { spec, ...rest }))
  await runProcess(deps, ctx, task, fence)
  return undefined
}

async function keepLease<T>(
  { leases }: AttemptDeps,
  { pipeline, spec }: StepTask,
  fence: number,
  work: Promise<T>,
): Promise<T> {
  const name = leaseName(pipeline.id, spec.name)
  const beat = setInterval(
    // A lease that could not be renewed shows when the result is written: that write is fenced.
    () => void leases.renew(name, 'server', fence, STEP_LEASE_MS).catch(() => undefined),
    STEP_LEASE_MS / 3,
  )
  try {
    return await work
  } finally {
    clearInterval(beat)
  }
}

async function runProcess(
  deps: AttemptDeps,
  ctx: Context,
  task: StepTask,
  fence: number,
): Promise<void> {
  const { pipeline, spec } = task
  const timeoutMs =
    spec.kind === 'module' ? durationMs(spec.timeout, 'timeout') : BUILTIN_TIMEOUT_MS
  const name = `${pipeline.id}/${spec.name}/${fence}`
  const job = deps.exec.start({
    name,
    timeoutMs,
    environment: {
      ...deps.environment(ctx, { name, timeoutMs }),
      GYRE_PIPELINE_RUN: pipeline.id,
      GYRE_STEP: spec.name,
      GYRE_FENCE: String(fence),
    },
  })
  const { end, tail } = await job.ended
  const row = await loadStep(deps.catalog.read, pipeline.id, spec.name)
  if (row.state !== 'leased' || row.fence !== fence) return
  throw new GyreError('STEP_FAILED', `step ${spec.name} ${describeEnd(end)} without reporting`, {
    step: spec.name,
    output: tail,
  })
}

function describeEnd(end: JobEnd): string {
  switch (end.kind) {
    case 'exited':
      return `ended with exit code ${end.code}`
    case 'killed':
      return `was killed by ${end.signal}`
    case 'timed-out':
      return 'took longer than its time-out'
    case 'cancelled':
      return 'was cancelled'
  }
}

export interface RunningStep {
  readonly row: StepRow
  readonly runId: string
  readonly fence: number
  readonly key: string | null
}

/** Writes outputs, cache, run and step state as one unit. Throws FENCED when the step went to another attempt. */
export async function succeed(
  { catalog, runs, leases, clock }: Pick<AttemptDeps, 'catalog' | 'runs' | 'leases' | 'clock'>,
  ctx: Context,
  { row, runId, fence, key }: RunningStep,
  { outputs, read, made }: BuiltinResult,
): Promise<void> {
  const name = leaseName(row.pipeline_run_id, row.step)
  await catalog.write(async (tx) => {
    await leases.assertHeld(tx, name, fence)
    const now = clock.now().toISOString()
    const text = JSON.stringify(outputs)
    if (read) await runs.addInputs(ctx, runId, read, tx)
    await runs.finish(
      ctx,
      runId,
      { status: 'succeeded', outputs: [...artifactsOf(outputs), ...(made ?? [])] },
      tx,
    )
    await updateStep(tx, row, { state: 'succeeded', outputs: text, ended_at: now, error: null })
    if (key === null) return
    await tx
      .insertInto('step_cache')
      .values({
        project: ctx.project,
        cache_key: key,
        outputs: text,
        run_id: runId,
        created_at: now,
      })
      .onConflict((conflict) => conflict.doNothing())
      .execute()
  })
  await leases.release(name, 'server', fence)
}

export async function fail(
  { catalog, runs, leases, clock }: Pick<AttemptDeps, 'catalog' | 'runs' | 'leases' | 'clock'>,
  ctx: Context,
  { row, runId, fence }: Omit<RunningStep, 'key'>,
  error: GyreError,
): Promise<void> {
  const name = leaseName(row.pipeline_run_id, row.step)
  const output = error.details['output']
  const message =
    typeof output === 'string' && output !== '' ? `${error.message}\n${output}` : error.message
  await catalog.write(async (tx) => {
    const shown = { code: error.code, message }
    const current = await loadStep(tx, row.pipeline_run_id, row.step)
    if (current.fence !== fence || current.state !== 'leased') return
    await runs.finish(ctx, runId, { status: 'failed', error: shown }, tx)
    await updateStep(tx, row, {
      state: 'failed',
      error: JSON.stringify(shown),
      ended_at: clock.now().toISOString(),
    })
  })
  await leases.release(name, 'server', fence)
}

/** Every artifact named in a step's outputs, by the path at which it stands. */
function artifactsOf(outputs: JsonValue, role = 'output'): RunRef[] {
  if (typeof outputs !== 'object' || outputs === null) return []
  const members = Object.entries(outputs)
  const digest = members.find(([key, value]) => key === 'digest' && typeof value === 'string')?.[1]
  if (typeof digest === 'string') return [{ ref: `artifact:${digest}`, role, digest }]
  return members.flatMap(([key, value]) =>
    artifactsOf(value, role === 'output' ? key : `${role}.${key}`),
  )
}

/** Re-reads a leased step on behalf of its process. Throws FENCED unless `fence` is the current one. */
export async function leasedStep(
  { catalog }: Pick<AttemptDeps, 'catalog'>,
  pipelineRunId: string,
  step: string,
  fence: number,
): Promise<{ readonly row: StepRow; readonly inputs: JsonValue }> {
  const row = await loadStep(catalog.read, pipelineRunId, step)
  if (row.state !== 'leased' || row.fence !== fence)
    throw new GyreError(
      'FENCED',
      `step ${step} is no longer yours (state ${row.state}, fence ${row.fence})`,
      {
        step,
        fence: row.fence,
      },
    )
  return { row, inputs: jsonOf(row.inputs) }
}
