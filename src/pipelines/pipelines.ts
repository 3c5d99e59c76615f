import type { PipelineRun } from '@gyre/sdk/wire/pipeline'
import type { RunDifference } from '@gyre/sdk/wire/run'
import type { StepItems, StepWhy } from '@gyre/sdk/wire/step'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { Log } from '../core/log.ts'
import { createAttemptVerbs, type AttemptVerbs } from './attempt-verbs.ts'
import { createBackfills, type Backfills } from './backfills.ts'
import { askToCancel } from './cancel.ts'
import { differenceOf } from './difference.ts'
import type { DriveDeps } from './drive.ts'
import { createDrivenRuns } from './driven-runs.ts'
import { createFanOuts } from './fan-out.ts'
import { listItems, whyItem, type ItemPage } from './item-list.ts'
import { partitionOf } from './partition.ts'
import { beginRun } from './pipeline-run.ts'
import { listRuns, readRun, type RunFilter } from './read-run.ts'
import { checkSteps, createStarts, pipelineNamed, type Starts } from './start.ts'
import { createStepProcesses } from './step-processes.ts'
import { loadPipelineRow } from './step-store.ts'
import { why } from './why.ts'

export type PipelinesDeps = Omit<DriveDeps, 'processes' | 'fanOuts'> & { readonly log: Log }

export interface Pipelines extends Starts, AttemptVerbs {
  /** A repetition beside what it repeats. Throws NOT_FOUND; CONFLICT for a run that repeats nothing. */
  difference(ctx: Context, id: string): Promise<RunDifference>
  /**
   * Ends a run: no step starts any more, and those under way are ended; answers at once. Again it changes nothing.
   * Throws NOT_FOUND; CONFLICT for a run that has ended otherwise.
   */
  cancel(ctx: Context, id: string): Promise<PipelineRun>
  get(ctx: Context, id: string): Promise<PipelineRun>
  /** Newest first. */
  list(ctx: Context, limit: number, filter?: RunFilter): Promise<readonly PipelineRun[]>
  /** Resolves once the run has ended, however it ended. Throws UNAVAILABLE when the server stops before. */
  ended(ctx: Context, id: string): Promise<PipelineRun>
  /** Why a step ran, or was not needed to. Throws NOT_FOUND. */
  why(ctx: Context, id: string, step: string, item?: number): Promise<StepWhy>
  /** The items of a step that is done for each of a list, in its order. Throws NOT_FOUND. */
  items(ctx: Context, id: string, step: string, page: ItemPage): Promise<StepItems>

  readonly backfills: Omit<Backfills, 'resume' | 'close'>

  /** Takes up every run that a stopped server left behind. */
  resume(): Promise<void>
  /** Stops at the next safe point; what runs is ended and starts over at the next `resume`. */
  close(): Promise<void>
}

export function createPipelines(withoutProcesses: PipelinesDeps): Pipelines {
  const processes = createStepProcesses()
  const deps = { ...withoutProcesses, processes, fanOuts: createFanOuts() }
  const { catalog, exec } = deps
  const stopping = new AbortController()
  const driven = createDrivenRuns(deps, stopping.signal)

  async function cancel(ctx: Context, id: string): Promise<PipelineRun> {
    await askToCancel(deps, ctx, id)
    const run = await readRun(deps, ctx, id)
    if (run.status === 'running') driven.cancel(id)
    return run
  }

  const backfills = createBackfills({
    ...deps,
    pipelineNamed: ({ manifest }, name) => pipelineNamed(manifest, name),
    async startRun(ctx, spec, params, code, also) {
      checkSteps(deps, spec)
      const partition = partitionOf(spec, params)
      const run = { spec, params, code, trigger: undefined, partition, also }
      const id = await beginRun(deps, ctx, run)
      await driven.drive(ctx, id)
      return id
    },
    runEnded: (id) => driven.ended(id),
    cancelRun: cancel,
  })

  return {
    ...createStarts(deps, driven),
    ...createAttemptVerbs(deps, stopping.signal),
    backfills,
    cancel,

    get: (ctx, id) => readRun(deps, ctx, id),
    list: (ctx, limit, filter) => listRuns(deps, ctx, limit, filter),
    difference: (ctx, id) => differenceOf(deps, ctx, id),
    why: (ctx, id, step, item) =>
      item === undefined ? why(catalog, ctx, id, step) : whyItem(catalog, ctx, id, step, item),
    items: (ctx, id, step, page) => listItems(catalog, ctx, id, step, page),

    async ended(ctx, id) {
      await loadPipelineRow(catalog, ctx.project, id)
      await driven.ended(id)
      const run = await readRun(deps, ctx, id)
      if (run.status === 'running')
        throw new GyreError('UNAVAILABLE', `${id} goes on when the server is back`, { id })
      return run
    },

    async resume() {
      await driven.resume()
      await backfills.resume()
    },

    async close() {
      stopping.abort()
      // First, so that it starts nothing more; it ends when its runs have.
      const closed = backfills.close()
      await exec.close()
      await driven.idle()
      await closed
    },
  }
}
