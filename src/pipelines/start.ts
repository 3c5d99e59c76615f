import type { Manifest } from '@gyre/sdk/wire/manifest'
import type { PipelineRun, PipelineSpec } from '@gyre/sdk/wire/pipeline'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { DrivenRuns } from './driven-runs.ts'
import { checkGraph } from './graph.ts'
import { bindParams, type Params } from './params.ts'
import { partitionOf } from './partition.ts'
import { beginRun, type EndDeps, type NewPipelineRun } from './pipeline-run.ts'
import { readRun } from './read-run.ts'
import { originalOf, repeatable } from './repeat.ts'
import { resumptionOf } from './resumption.ts'
import type { AttemptDeps } from './step-attempt.ts'
import { loadPipelineRow, loadSteps, paramsOf, resourcesOf, specOf } from './step-store.ts'
import { workOf } from './trial-work.ts'
import { checkUntil } from './until.ts'

/** The ways in which a run begins. All give it at once, on its way. */
export interface Starts {
  /** Throws NOT_FOUND (no such pipeline), INVALID_ARGUMENT (a parameter). */
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
}

export type StartDeps = EndDeps & Pick<AttemptDeps, 'code' | 'exec'>

export function createStarts(deps: StartDeps, driven: DrivenRuns): Starts {
  const { catalog, runs, clock } = deps

  async function begin(ctx: Context, run: NewPipelineRun): Promise<PipelineRun> {
    const id = await beginRun(deps, ctx, run)
    await driven.drive(ctx, id)
    return readRun(deps, ctx, id)
  }

  async function start(
    ctx: Context,
    name: string,
    params: Params,
    origin: { readonly trigger?: string | undefined; readonly trial?: string },
  ): Promise<PipelineRun> {
    const { ref, manifest, bundle, source } = await deps.code(ctx)
    const spec = pipelineNamed(manifest, name)
    checkSteps(deps, spec)
    const bound = bindParams(spec, params)
    checkUntil(spec, bound, clock)
    const code = { ref, bundle, source }
    const { trigger, trial } = origin
    const partition = partitionOf(spec, bound)
    return begin(ctx, { spec, params: bound, code, trigger, trial, partition })
  }

  return {
    start: (ctx, name, params, trigger) => start(ctx, name, params, { trigger }),

    async startTrial(ctx, name, params, trial) {
      await runs.get(ctx, trial)
      const work = await workOf(catalog.read, ctx.project, trial)
      return work === undefined ? start(ctx, name, params, { trial }) : readRun(deps, ctx, work)
    },

    async repeat(ctx, id) {
      const original = await originalOf(deps, ctx, id)
      const spec = repeatable(specOf(original))
      const { code_ref: ref, bundle } = original
      const code = { ref, bundle, source: (await deps.code(ctx, ref)).source }
      const params = paramsOf(original)
      return begin(ctx, { spec, params, code, trigger: undefined, repeats: original.id })
    },

    async resumeFrom(ctx, id, { from, params }) {
      const earlier = await loadPipelineRow(catalog, ctx.project, id)
      const { ref, manifest, bundle, source } = await deps.code(ctx)
      const spec = pipelineNamed(manifest, earlier.pipeline)
      checkSteps(deps, spec)
      const rows = await loadSteps(catalog.read, id)
      const resumes = resumptionOf(spec, earlier, rows, { from, params })
      checkUntil(spec, resumes.params, clock)
      const code = { ref, bundle, source }
      const partition = partitionOf(spec, resumes.params)
      const { params: kept } = resumes
      return begin(ctx, { spec, params: kept, code, trigger: undefined, resumes, partition })
    },
  }
}

/** Before any of its steps begins: throws INVALID_ARGUMENT for one that cannot be done, here or at all. */
export function checkSteps({ exec }: Pick<AttemptDeps, 'exec'>, spec: PipelineSpec): void {
  checkGraph(spec)
  for (const step of spec.steps)
    exec.check(`pipeline ${spec.name}.step ${step.name}.resources`, resourcesOf(step) ?? {})
}

/** Throws NOT_FOUND naming those that there are. */
export function pipelineNamed(manifest: Manifest, name: string): PipelineSpec {
  const spec = manifest.pipelines.find((pipeline) => pipeline.name === name)
  if (!spec)
    throw new GyreError(
      'NOT_FOUND',
      `no pipeline ${name}; the project has ${manifest.pipelines.map((p) => p.name).join(', ') || 'none'}`,
      { pipeline: name },
    )
  return spec
}
