import type { Manifest } from '@gyre/sdk/wire/manifest'
import type { PipelineRun, PipelineSpec } from '@gyre/sdk/wire/pipeline'
import type { MetricPoint, Run, RunDifference } from '@gyre/sdk/wire/run'
import type {
  Checkpoint,
  ItemExchange,
  ItemWork,
  StepItems,
  StepReport,
  StepWhy,
  StepWork,
} from '@gyre/sdk/wire/step'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { Log } from '../core/log.ts'
import { createBackfills, type Backfills } from './backfills.ts'
import { askToCancel, CANCEL_GRACE_MS } from './cancel.ts'
import { commitCheckpoint, lastCheckpoint } from './checkpoint.ts'
import { driveRun, type DriveDeps } from './drive.ts'
import { createFanOuts } from './fan-out.ts'
import { checkGraph, eachOf } from './graph.ts'
import { limitsOf } from './interruption.ts'
import { itemInputs } from './item-inputs.ts'
import { listItems, whyItem, type ItemPage } from './item-list.ts'
import {
  askingStep,
  assertActsFor,
  attemptName,
  LEASE_HOLDER,
  leasedStep,
  leaseName,
  STEP_LEASE_MS,
  type StepKey,
} from './leased-step.ts'
import { lostAttempts } from './lost-attempts.ts'
import { bindParams, type Params } from './params.ts'
import { beginRun, endRun } from './pipeline-run.ts'
import { differenceOf } from './difference.ts'
import { originalOf, repeatable } from './repeat.ts'
import { partitionOf } from './partition.ts'
import { resumptionOf } from './resumption.ts'
import { retriesOf } from './retry.ts'
import { countItems } from './step-items.ts'
import { createStepProcesses } from './step-processes.ts'
import { concludeReport } from './step-report.ts'
import {
  failureFrom,
  inputsOf,
  jsonOf,
  loadPipelineRow,
  loadSteps,
  paramsOf,
  specOf,
  stepSpecOf,
  toPipelineRun,
  type PipelineRow,
} from './step-store.ts'
import { seedOf } from './step-seed.ts'
import { fail, succeed, takeBack } from './step-transition.ts'
import { workOf } from './trial-work.ts'
import { checkUntil } from './until.ts'
import { why } from './why.ts'

export type PipelinesDeps = Omit<DriveDeps, 'processes' | 'fanOuts'> & { readonly log: Log }

export interface Pipelines {
  /** Starts a run and returns at once. Throws NOT_FOUND (no such pipeline), INVALID_ARGUMENT (a parameter). */
  start(ctx: Context, name: string, params: Params, trigger?: string): Promise<PipelineRun>
  /**
   * The run that does the work of a trial, by the id of the trial's run: started when there is none. Throws as `start`,
   * and NOT_FOUND for a trial that is not there.
   */
  startTrial(ctx: Context, name: string, params: Params, trial: string): Promise<PipelineRun>
  /**
   * Executes an ended run again: same code, parameters, seed and data versions, nothing from the cache; no model
   * is registered and no verdict kept. `id` may be that of a step's run. Throws NOT_FOUND; CONFLICT for a run
   * that did not succeed, or is not one of a pipeline.
   */
  repeat(ctx: Context, id: string): Promise<PipelineRun>
  /** A repetition beside what it repeats. Throws NOT_FOUND; CONFLICT for a run that repeats nothing. */
  difference(ctx: Context, id: string): Promise<RunDifference>
  /**
   * Executes an ended run from a step on, as a new run: with the code that is applied now, and the outputs of the
   * steps that it need not execute. Throws NOT_FOUND; CONFLICT for a run that still goes or succeeded and names no
   * step; INVALID_ARGUMENT for a step that is no longer there, or a parameter that a kept step was made with.
   */
  resumeFrom(
    ctx: Context,
    id: string,
    asked: { readonly from?: string; readonly params: Params },
  ): Promise<PipelineRun>
  /**
   * Ends a run: no step starts any more, and those under way are ended; answers at once. Again it changes nothing.
   * Throws NOT_FOUND; CONFLICT for a run that has ended otherwise.
   */
  cancel(ctx: Context, id: string): Promise<PipelineRun>
  get(ctx: Context, id: string): Promise<PipelineRun>
  /** Newest first. */
  list(ctx: Context, limit: number): Promise<readonly PipelineRun[]>
  /** Resolves once the run has ended, however it ended. Throws UNAVAILABLE when the server stops before. */
  ended(ctx: Context, id: string): Promise<PipelineRun>
  /** Why a step ran, or was not needed to. Throws NOT_FOUND. */
  why(ctx: Context, id: string, step: string, item?: number): Promise<StepWhy>
  /** The items of a step that is done for each of a list, in its order. Throws NOT_FOUND. */
  items(ctx: Context, id: string, step: string, page: ItemPage): Promise<StepItems>

  /** The verbs of a step's own process. All throw FENCED once the step has gone to another attempt. */
  work(ctx: Context, key: Omit<StepKey, 'fence'>): Promise<StepWork>
  heartbeat(ctx: Context, key: StepKey): Promise<void>
  /** What its process runs on, told before it begins. */
  facts(ctx: Context, key: StepKey, environment: Run['environment']): Promise<void>
  metrics(ctx: Context, key: StepKey, points: readonly MetricPoint[]): Promise<void>
  report(ctx: Context, key: Omit<StepKey, 'fence'>, report: StepReport): Promise<void>
  /** What the next attempt goes on from. Throws INVALID_ARGUMENT for one that is not later than the last. */
  checkpoint(ctx: Context, key: StepKey, checkpoint: Checkpoint): Promise<void>
  /** The run of the attempt that asks. */
  ownRun(ctx: Context): Promise<string>
  /** Takes what a process has done of a step's items, and gives it more; none when there are no more. */
  exchange(
    ctx: Context,
    key: Omit<StepKey, 'fence'>,
    request: ItemExchange,
  ): Promise<readonly ItemWork[]>

  readonly backfills: Omit<Backfills, 'resume' | 'close'>

  /** Takes up every run that a stopped server left behind. */
  resume(): Promise<void>
  /** Stops at the next safe point; what runs is ended and starts over at the next `resume`. */
  close(): Promise<void>
}

/** A run that this server drives. */
interface Driven {
  readonly ended: Promise<void>
  cancel(): void
}

export function createPipelines(deps: PipelinesDeps): Pipelines {
  const { catalog, runs, leases, exec, log } = deps
  const driving = new Map<string, Driven>()
  /** Runs that were cancelled before this server drove them. */
  const cancelled = new Set<string>()
  const processes = createStepProcesses()
  const fanOuts = createFanOuts()
  const stopping = new AbortController()

  function drive(ctx: Context, pipeline: PipelineRow): void {
    const cancelling = new AbortController()
    const cancel = (): void => {
      processes.cancel(pipeline.id, CANCEL_GRACE_MS)
      cancelling.abort()
    }
    if (cancelled.delete(pipeline.id) || pipeline.cancel_asked_at !== null) cancel()
    const signals = { stopping: stopping.signal, cancelling: cancelling.signal }
    const ended = driveRun({ ...deps, processes, fanOuts }, ctx, pipeline.id, signals)
      .catch((error: unknown) => giveUp(ctx, pipeline, error))
      .finally(() => {
        driving.delete(pipeline.id)
        processes.forget(pipeline.id)
      })
    driving.set(pipeline.id, { ended, cancel })
  }

  /** A run that cannot be driven has failed; when not even that can be written, the next start tries again. */
  async function giveUp(ctx: Context, pipeline: PipelineRow, error: unknown): Promise<void> {
    if (stopping.signal.aborted) return
    log.error({ err: error, pipelineRun: pipeline.id }, 'a pipeline run cannot go on')
    await endRun(deps, ctx, pipeline, failureFrom(error)).catch((second: unknown) =>
      log.error({ err: second, pipelineRun: pipeline.id }, 'and its end cannot be written'),
    )
  }

  async function get(ctx: Context, id: string): Promise<PipelineRun> {
    return described(ctx, await loadPipelineRow(catalog, ctx.project, id))
  }

  async function described(ctx: Context, row: PipelineRow): Promise<PipelineRun> {
    const steps = await loadSteps(catalog.read, row.id)
    const mayWait = row.status === 'running' && steps.some(({ state }) => state === 'failed')
    const lost = mayWait ? await lostAttempts(deps, ctx, row.id) : new Map<string, number>()
    const retries = mayWait ? retriesOf(row, steps, lost) : new Map<string, Date>()
    return toPipelineRun(row, steps, { retries, items: await countItems(catalog.read, row.id) })
  }

  async function start(
    ctx: Context,
    name: string,
    params: Params,
    origin: { readonly trigger?: string | undefined; readonly trial?: string },
  ): Promise<PipelineRun> {
    const { ref, manifest, bundle, source } = await deps.code(ctx)
    const spec = pipelineNamed(manifest, name)
    checkGraph(spec)
    const bound = bindParams(spec, params)
    checkUntil(spec, bound, deps.clock)
    const code = { ref, bundle, source }
    const { trigger, trial } = origin
    const partition = partitionOf(spec, bound)
    const run = { spec, params: bound, code, trigger, trial, partition }
    const id = await beginRun(deps, ctx, run)
    drive(ctx, await loadPipelineRow(catalog, ctx.project, id))
    return get(ctx, id)
  }

  /** The attempt and its pipeline run, for its own process. */
  async function attemptOf(ctx: Context, key: Omit<StepKey, 'fence'> & { fence?: number }) {
    const pipeline = await loadPipelineRow(catalog, ctx.project, key.pipelineRunId)
    return { pipeline, step: await leasedStep(catalog, ctx, key) }
  }

  async function cancelRun(ctx: Context, id: string): Promise<PipelineRun> {
    await askToCancel(deps, ctx, id)
    const driven = driving.get(id)
    driven?.cancel()
    const run = await get(ctx, id)
    if (!driven && run.status === 'running') cancelled.add(id)
    return run
  }

  const backfills = createBackfills({
    ...deps,
    pipelineNamed: ({ manifest }, name) => pipelineNamed(manifest, name),
    async startRun(ctx, spec, params, code, also) {
      checkGraph(spec)
      const id = await beginRun(deps, ctx, {
        spec,
        params,
        code,
        trigger: undefined,
        partition: partitionOf(spec, params),
        also,
      })
      drive(ctx, await loadPipelineRow(catalog, ctx.project, id))
      return id
    },
    runEnded: async (id) => driving.get(id)?.ended,
    cancelRun,
  })

  return {
    get,
    backfills,

    start: (ctx, name, params, trigger) => start(ctx, name, params, { trigger }),

    async startTrial(ctx, name, params, trial) {
      await runs.get(ctx, trial)
      const work = await workOf(catalog.read, ctx.project, trial)
      return work === undefined ? start(ctx, name, params, { trial }) : get(ctx, work)
    },

    async repeat(ctx, id) {
      const original = await originalOf(deps, ctx, id)
      const spec = repeatable(specOf(original))
      const { code_ref: ref, bundle } = original
      const code = { ref, bundle, source: (await deps.code(ctx, ref)).source }
      const params = paramsOf(original)
      const repetition = { spec, params, code, trigger: undefined, repeats: original.id }
      const repeated = await beginRun(deps, ctx, repetition)
      drive(ctx, await loadPipelineRow(catalog, ctx.project, repeated))
      return get(ctx, repeated)
    },

    async resumeFrom(ctx, id, { from, params }) {
      const earlier = await loadPipelineRow(catalog, ctx.project, id)
      const { ref, manifest, bundle, source } = await deps.code(ctx)
      const spec = pipelineNamed(manifest, earlier.pipeline)
      checkGraph(spec)
      const rows = await loadSteps(catalog.read, id)
      const resumes = resumptionOf(spec, earlier, rows, { from, params })
      checkUntil(spec, resumes.params, deps.clock)
      const code = { ref, bundle, source }
      const partition = partitionOf(spec, resumes.params)
      const run = { spec, params: resumes.params, code, trigger: undefined, resumes, partition }
      const resumed = await beginRun(deps, ctx, run)
      drive(ctx, await loadPipelineRow(catalog, ctx.project, resumed))
      return get(ctx, resumed)
    },

    difference: (ctx, id) => differenceOf(deps, ctx, id),

    cancel: cancelRun,

    async list(ctx, limit) {
      const rows = await catalog.read
        .selectFrom('pipeline_runs')
        .selectAll()
        .where('project', '=', ctx.project)
        .orderBy('started_at', 'desc')
        .orderBy('id', 'desc')
        .limit(limit)
        .execute()
      return Promise.all(rows.map((row) => described(ctx, row)))
    },

    async ended(ctx, id) {
      await loadPipelineRow(catalog, ctx.project, id)
      await driving.get(id)?.ended
      const run = await get(ctx, id)
      if (run.status === 'running')
        throw new GyreError('UNAVAILABLE', `${id} goes on when the server is back`, { id })
      return run
    },

    why: (ctx, id, step, item) =>
      item === undefined ? why(catalog, ctx, id, step) : whyItem(catalog, ctx, id, step, item),
    items: (ctx, id, step, page) => listItems(catalog, ctx, id, step, page),

    async work(ctx, key) {
      const { pipeline, step } = await attemptOf(ctx, key)
      const { manifest } = await deps.code(ctx, pipeline.code_ref)
      const spec = stepSpecOf(pipeline, step.step)
      const inputs = inputsOf(step)
      const { experiment } = await runs.get(ctx, step.run_id)
      const last = await lastCheckpoint(catalog.read, step)
      // What is of an item comes with the item.
      const given = eachOf(spec) ? itemInputs(spec, inputs).shared : inputs
      return {
        pipelineRunId: pipeline.id,
        step: step.step,
        runId: step.run_id,
        experiment,
        fence: step.fence,
        spec,
        inputs: given,
        extra: jsonOf(step.extra),
        seed: seedOf(given, paramsOf(pipeline)),
        bundle: pipeline.bundle,
        transforms: manifest.transforms,
        checkpoint: last ? { step: last.step, artifact: last.artifact } : null,
      }
    },

    async heartbeat(ctx, key) {
      const { step } = await attemptOf(ctx, key)
      await leases.renew(leaseName(step), LEASE_HOLDER, step.fence, STEP_LEASE_MS)
    },

    async facts(ctx, key, environment) {
      const { step } = await attemptOf(ctx, key)
      await runs.addEnvironment(ctx, step.run_id, environment)
    },

    async metrics(ctx, key, points) {
      const { step } = await attemptOf(ctx, key)
      await runs.logMetrics(ctx, step.run_id, points)
    },

    async report(ctx, key, report) {
      const { pipeline, step } = await attemptOf(ctx, { ...key, fence: report.fence })
      if (report.status === 'succeeded') {
        const conclude = concludeReport(deps.builtins, ctx, pipeline, step, report.outputs)
        await succeed(deps, ctx, step, conclude)
      } else {
        // Its process was told to end: the step did not fail, it starts over with the next server.
        if (stopping.signal.aborted) throw new GyreError('UNAVAILABLE', 'the server stops')
        await fail(deps, ctx, step, report.error)
      }
      const name = attemptName({ ...key, fence: report.fence })
      processes.reported(name, report.status === 'succeeded')
    },

    async checkpoint(ctx, key, checkpoint) {
      const { step } = await attemptOf(ctx, key)
      await catalog.write(async (tx) => {
        await leases.assertHeld(tx, leaseName(step), step.fence)
        await commitCheckpoint(tx, deps.clock, step, checkpoint)
      })
    },

    ownRun: async (ctx) => (await askingStep(catalog, ctx)).run_id,

    async exchange(ctx, key, request) {
      const name = attemptName({ ...key, fence: request.fence })
      assertActsFor(ctx, name)
      return fanOuts.exchange(name, request)
    },

    async resume() {
      const rows = await catalog.read
        .selectFrom('pipeline_runs')
        .selectAll()
        .where('status', '=', 'running')
        .execute()
      for (const row of rows.filter(({ id }) => !driving.has(id))) {
        const server = { project: row.project, actor: 'pipelines', requestId: row.id }
        const ctx = { ...server, actor: (await runs.get(server, row.id)).actor }
        const lost = await lostAttempts(deps, ctx, row.id)
        for (const step of await loadSteps(catalog.read, row.id)) {
          if (step.state !== 'leased') continue
          const limits = limitsOf(stepSpecOf(row, step.step))
          await takeBack(deps, ctx, step, limits ? 0 : (lost.get(step.step) ?? 0))
          log.warn({ step: step.step, pipelineRun: row.id }, 'a step went down with its server')
        }
        drive(ctx, row)
      }
      await backfills.resume()
    },

    async close() {
      stopping.abort()
      // First, so that it starts nothing more; it ends when its runs have.
      const closed = backfills.close()
      await exec.close()
      await Promise.all([...driving.values()].map(({ ended }) => ended))
      await closed
    },
  }
}

function pipelineNamed(manifest: Manifest, name: string): PipelineSpec {
  const spec = manifest.pipelines.find((pipeline) => pipeline.name === name)
  if (!spec)
    throw new GyreError(
      'NOT_FOUND',
      `no pipeline ${name}; the project has ${manifest.pipelines.map((p) => p.name).join(', ') || 'none'}`,
      { pipeline: name },
    )
  return spec
}
