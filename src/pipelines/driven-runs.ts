import type { Context } from '../core/context.ts'
import type { Log } from '../core/log.ts'
import { CANCEL_GRACE_MS } from './cancel.ts'
import { driveRun, type DriveDeps } from './drive.ts'
import { limitsOf } from './interruption.ts'
import { lostAttempts } from './lost-attempts.ts'
import { endRun } from './pipeline-run.ts'
import {
  failureFrom,
  loadPipelineRow,
  loadSteps,
  stepSpecOf,
  type PipelineRow,
} from './step-store.ts'
import { takeBack } from './step-transition.ts'

/** The runs that this server drives. */
export interface DrivenRuns {
  /** Takes a run that has begun, and goes on with it until it ends or the server stops. */
  drive(ctx: Context, id: string): Promise<void>
  /** Ends what is under way of a run that is asked to end; of one not driven yet, as soon as it is. */
  cancel(id: string): void
  /** Resolves once the run has ended or the server stops; at once for one that is not driven. */
  ended(id: string): Promise<void>
  /** Takes up every run that a stopped server left behind. */
  resume(): Promise<void>
  /** Resolves once none is driven any more. */
  idle(): Promise<void>
}

interface Driven {
  readonly ended: Promise<void>
  cancel(): void
}

export function createDrivenRuns(
  deps: DriveDeps & { readonly log: Log },
  stopping: AbortSignal,
): DrivenRuns {
  const { catalog, runs, log, processes } = deps
  const driving = new Map<string, Driven>()
  /** Runs that were cancelled before this server drove them. */
  const cancelled = new Set<string>()

  function take(ctx: Context, pipeline: PipelineRow): void {
    const cancelling = new AbortController()
    const cancel = (): void => {
      processes.cancel(pipeline.id, CANCEL_GRACE_MS)
      cancelling.abort()
    }
    if (cancelled.delete(pipeline.id) || pipeline.cancel_asked_at !== null) cancel()
    const ended = driveRun(deps, ctx, pipeline.id, { stopping, cancelling: cancelling.signal })
      .catch((error: unknown) => giveUp(ctx, pipeline, error))
      .finally(() => {
        driving.delete(pipeline.id)
        processes.forget(pipeline.id)
      })
    driving.set(pipeline.id, { ended, cancel })
  }

  /** A run that cannot be driven has failed; when not even that can be written, the next start tries again. */
  async function giveUp(ctx: Context, pipeline: PipelineRow, error: unknown): Promise<void> {
    if (stopping.aborted) return
    log.error({ err: error, pipelineRun: pipeline.id }, 'a pipeline run cannot go on')
    await endRun(deps, ctx, pipeline, failureFrom(error)).catch((second: unknown) =>
      log.error({ err: second, pipelineRun: pipeline.id }, 'and its end cannot be written'),
    )
  }

  async function takeUp(row: PipelineRow): Promise<void> {
    const server = { project: row.project, actor: 'pipelines', requestId: row.id }
    const ctx = { ...server, actor: (await runs.get(server, row.id)).actor }
    const lost = await lostAttempts(deps, ctx, row.id)
    for (const step of await loadSteps(catalog.read, row.id)) {
      if (step.state !== 'leased') continue
      const limits = limitsOf(stepSpecOf(row, step.step))
      await takeBack(deps, ctx, step, limits ? 0 : (lost.get(step.step) ?? 0))
      log.warn({ step: step.step, pipelineRun: row.id }, 'a step went down with its server')
    }
    take(ctx, row)
  }

  return {
    async drive(ctx, id) {
      take(ctx, await loadPipelineRow(catalog, ctx.project, id))
    },

    cancel(id) {
      const driven = driving.get(id)
      if (driven) driven.cancel()
      else cancelled.add(id)
    },

    ended: async (id) => driving.get(id)?.ended,

    async resume() {
      const rows = await catalog.read
        .selectFrom('pipeline_runs')
        .selectAll()
        .where('status', '=', 'running')
        .execute()
      for (const row of rows.filter(({ id }) => !driving.has(id))) await takeUp(row)
    },

    async idle() {
      await Promise.all([...driving.values()].map(({ ended }) => ended))
    },
  }
}
