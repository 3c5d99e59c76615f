import type { Manifest } from '@gyre/sdk/wire/manifest'
import type { PipelineRun, PipelineSpec } from '@gyre/sdk/wire/pipeline'
import type { MetricPoint } from '@gyre/sdk/wire/run'
import type { StepReport, StepWork } from '@gyre/sdk/wire/step'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { Log } from '../core/log.ts'
import type { Events } from '../store/events.ts'
import { checkGraph } from './graph.ts'
import { bindParams, type Params } from './params.ts'
import { driveRun } from './drive.ts'
import {
  fail,
  leasedStep,
  leaseName,
  STEP_LEASE_MS,
  succeed,
  type AttemptDeps,
} from './step-attempt.ts'
import { finishStep } from './step-report.ts'
import { loadPipelineRow, loadSteps, paramsOf, toPipelineRun, updateStep } from './step-store.ts'
import { seedOf, stepNamed } from './step-spec.ts'

export interface PipelinesDeps extends AttemptDeps {
  readonly events: Events
  readonly log: Log
  /** The applied project: its manifest and the bundle that holds its code. */
  code(ctx: Context, ref?: string): Promise<{ ref: string; manifest: Manifest; bundle: string }>
}

/** One step's process, as it names itself: pipeline run, step and the fence it was given. */
export interface StepKey {
  readonly pipelineRunId: string
  readonly step: string
  readonly fence: number
}

export interface Pipelines {
  /** Starts a run and returns at once. Throws NOT_FOUND (no such pipeline), INVALID_ARGUMENT (a parameter). */
  start(ctx: Context, name: string, params: Params, trigger?: string): Promise<PipelineRun>
  get(ctx: Context, id: string): Promise<PipelineRun>
  list(ctx: Context, limit: number): Promise<readonly PipelineRun[]>
  /** Resolves once the run has ended, however it ended. */
  ended(ctx: Context, id: string): Promise<PipelineRun>
  work(ctx: Context, key: Omit<StepKey, 'fence'>): Promise<StepWork>
  heartbeat(ctx: Context, key: StepKey): Promise<void>
  metrics(ctx: Context, key: StepKey, points: readonly MetricPoint[]): Promise<void>
  report(ctx: Context, key: Omit<StepKey, 'fence'>, report: StepReport): Promise<void>
  /** Takes up every run that a stopped server left behind. */
  resume(): Promise<void>
  /** Starts no more steps and ends the running ones; their runs go on at the next start. */
  close(): Promise<void>
}

export function createPipelines(deps: PipelinesDeps): Pipelines {
  const { catalog, runs, leases, events, clock, exec, log } = deps
  const driving = new Map<string, Promise<void>>()
  const stopping = new AbortController()

  function drive(ctx: Context, id: string): void {
    const ended = driveRun(deps, ctx, id, stopping.signal)
      .catch((error: unknown) => log.error({ error, pipelineRun: id }, 'a pipeline run stopped'))
      .finally(() => driving.delete(id))
    driving.set(id, ended)
  }

  return {
    async start(ctx, name, params, trigger) {
      const { ref, manifest, bundle } = await deps.code(ctx)
      const spec = pipelineNamed(manifest, name)
      checkGraph(spec)
      const bound = bindParams(spec, params)
      const id = await catalog.write(async (tx) => {
        const run = await runs.start(
          ctx,
          {
            kind: 'pipeline',
            name,
            params: bound,
            inputs: [{ ref, role: 'code' }],
            code: { ref, digest: bundle },
          },
          tx,
        )
        await tx
          .insertInto('pipeline_runs')
          .values({
            id: run.id,
            project: ctx.project,
            pipeline: name,
            code_ref: ref,
            bundle,
            spec: JSON.stringify(spec),
            params: JSON.stringify(bound),
            status: 'running',
            trigger_name: trigger ?? null,
            started_at: run.startedAt,
            ended_at: null,
          })
          .execute()
        await tx
          .insertInto('step_runs')
          .values(spec.steps.map(pendingRow(run.id)))
          .execute()
        await events.append(tx, ctx, {
          type: 'pipeline.started',
          subject: { kind: 'pipeline', id: name },
          data: { run: run.id, params: bound, trigger: trigger ?? null },
        })
        return run.id
      })
      drive(ctx, id)
      return this.get(ctx, id)
    },

    async get(ctx, id) {
      const row = await loadPipelineRow(catalog, ctx.project, id)
      return toPipelineRun(row, await loadSteps(catalog.read, id))
    },

    async list(ctx, limit) {
      const rows = await catalog.read
        .selectFrom('pipeline_runs')
        .selectAll()
        .where('project', '=', ctx.project)
        .orderBy('started_at', 'desc')
        .orderBy('id', 'desc')
        .limit(limit)
        .execute()
      return Promise.all(
        rows.map(async (row) => toPipelineRun(row, await loadSteps(catalog.read, row.id))),
      )
    },

    async ended(ctx, id) {
      await driving.get(id)
      return this.get(ctx, id)
    },

    async work(ctx, { pipelineRunId, step }) {
      const pipeline = await loadPipelineRow(catalog, ctx.project, pipelineRunId)
      const { row, inputs, extra, spec } = await stepNamed(deps, ctx, pipeline, step)
      const { manifest } = await deps.code(ctx, pipeline.code_ref)
      return {
        pipelineRunId,
        step,
        runId: row.run_id ?? '',
        fence: row.fence,
        spec,
        inputs,
        extra,
        seed: seedOf(inputs, paramsOf(pipeline)),
        bundle: pipeline.bundle,
        transforms: manifest.transforms,
      }
    },

    async heartbeat(ctx, { pipelineRunId, step, fence }) {
      await loadPipelineRow(catalog, ctx.project, pipelineRunId)
      await leasedStep(deps, pipelineRunId, step, fence)
      await leases.renew(leaseName(pipelineRunId, step), 'server', fence, STEP_LEASE_MS)
    },

    async metrics(ctx, { pipelineRunId, step, fence }, points) {
      const { row } = await leasedStep(deps, pipelineRunId, step, fence)
      if (row.run_id !== null) await runs.logMetrics(ctx, row.run_id, points)
    },

    async report(ctx, { pipelineRunId, step }, report) {
      const pipeline = await loadPipelineRow(catalog, ctx.project, pipelineRunId)
      const { row } = await leasedStep(deps, pipelineRunId, step, report.fence)
      const running = { row, runId: row.run_id ?? '', fence: report.fence, key: row.cache_key }
      if (report.status === 'failed')
        return fail(
          deps,
          ctx,
          running,
          new GyreError('STEP_FAILED', report.error.message, { code: report.error.code }),
        )
      const result = await finishStep(deps, ctx, pipeline, row, report.outputs)
      await succeed(deps, ctx, running, result)
    },

    async resume() {
      const rows = await catalog.read
        .selectFrom('pipeline_runs')
        .selectAll()
        .where('status', '=', 'running')
        .execute()
      for (const row of rows) {
        const ctx = { project: row.project, actor: 'pipelines', requestId: row.id }
        for (const step of await loadSteps(catalog.read, row.id)) await takeBack(ctx, step)
        drive(ctx, row.id)
      }
    },

    async close() {
      stopping.abort()
      await exec.close()
      await Promise.all(driving.values())
    },
  }

  /** A step whose process died with the server: its run is lost, its fence is void, it starts over. */
  async function takeBack(
    ctx: Context,
    step: Awaited<ReturnType<typeof loadSteps>>[number],
  ): Promise<void> {
    if (step.state !== 'leased') return
    await leases.release(leaseName(step.pipeline_run_id, step.step), 'server', step.fence)
    await catalog.write(async (tx) => {
      if (step.run_id !== null)
        await runs.finish(
          ctx,
          step.run_id,
          {
            status: 'lost',
            error: { code: 'UNAVAILABLE', message: 'the server stopped while the step ran' },
          },
          tx,
        )
      await updateStep(tx, step, { state: 'pending', started_at: null })
    })
    log.warn({ step: step.step, run: step.pipeline_run_id, at: clock.now() }, 'step starts over')
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

function pendingRow(pipelineRunId: string) {
  return (step: PipelineSpec['steps'][number], position: number) => ({
    pipeline_run_id: pipelineRunId,
    step: step.name,
    position,
    kind: step.kind,
    state: 'pending',
    attempt: 0,
    fence: 0,
    cache_key: null,
    cached: 0,
    run_id: null,
    inputs: null,
    outputs: null,
    error: null,
    started_at: null,
    ended_at: null,
  })
}
