import type { MetricPoint, Run } from '@gyre/sdk/wire/run'
import type { Checkpoint, ItemExchange, ItemWork, StepReport, StepWork } from '@gyre/sdk/wire/step'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import { commitCheckpoint, lastCheckpoint } from './checkpoint.ts'
import { eachOf } from './graph.ts'
import { itemInputs } from './item-inputs.ts'
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
import type { AttemptDeps } from './step-attempt.ts'
import { concludeReport } from './step-report.ts'
import { seedOf } from './step-seed.ts'
import { inputsOf, jsonOf, loadPipelineRow, paramsOf, stepSpecOf } from './step-store.ts'
import { fail, succeed } from './step-transition.ts'

/** What a step's own process asks and tells. All throw FENCED once the step has gone to another attempt. */
export interface AttemptVerbs {
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
}

export function createAttemptVerbs(deps: AttemptDeps, stopping: AbortSignal): AttemptVerbs {
  const { catalog, runs, leases, processes, fanOuts } = deps

  /** The attempt and its pipeline run, for its own process. */
  async function attemptOf(ctx: Context, key: Omit<StepKey, 'fence'> & { fence?: number }) {
    const pipeline = await loadPipelineRow(catalog, ctx.project, key.pipelineRunId)
    return { pipeline, step: await leasedStep(catalog, ctx, key) }
  }

  return {
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
        if (stopping.aborted) throw new GyreError('UNAVAILABLE', 'the server stops')
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
  }
}
