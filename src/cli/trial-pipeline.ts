import { setTimeout as delay } from 'node:timers/promises'
import {
  RequestError,
  type GyreClient,
  type RunningTrial,
  type TrialResult,
} from '@gyre/sdk/client'
import { PipelineRun } from '@gyre/sdk/wire/pipeline'
import { MetricSample, Run } from '@gyre/sdk/wire/run'
import { z } from 'zod'
import { GyreError } from '../core/errors.ts'
import { failureLine } from './failure-line.ts'

/** How often it is looked what a step has logged. */
const LOOK_MS = 500

export interface Tried {
  readonly pipeline: string
  readonly step: string
  readonly metric: string
  /** Parameters that every trial has. */
  readonly fixed: Readonly<Record<string, unknown>>
  /** Whether what the step logs on its way decides if it goes on. */
  readonly prunes: boolean
}

/**
 * A pipeline run with the trial's parameters, the one that does its work already where there is one; its value is what
 * the step logged last. One that is not worth more steps is cancelled. Throws INVALID_ARGUMENT for a metric that is not there.
 */
export async function tryPipeline(
  client: GyreClient,
  { pipeline, step, metric, fixed, prunes }: Tried,
  trial: RunningTrial,
): Promise<TrialResult> {
  const { params, signal, patiently } = trial
  const path = `/api/v1/pipelines/${encodeURIComponent(pipeline)}/runs`
  const body = { params: { ...fixed, ...params }, trial: trial.run }
  const { id } = await patiently(() => client.post(path, body, PipelineRun, { signal }))
  const isOver = new AbortController()
  const waiting = awaitEnd(client, id, trial).finally(() => isOver.abort())
  // Whatever it rejects with is met below.
  waiting.catch(() => undefined)
  const look = prunes ? reporter(client, id, { step, metric }, trial) : undefined
  if (look) await pruneOrWait(client, id, look, trial, isOver.signal)
  const ended = await waiting
  const failed = ended.steps.find(({ error }) => error !== null)
  const reason = failed?.error ? failureLine(failed.error.message) : undefined
  if (ended.status !== 'succeeded')
    throw new Error(`pipeline run ${id}: ${failed?.step ?? ended.status}: ${reason ?? 'no reason'}`)
  // What it came to is known: that it would have been pruned no longer matters, only what others are compared with.
  await look?.().catch((error: unknown) => {
    if (error instanceof RequestError) throw error
  })
  const runId = ended.steps.find((one) => one.step === step)?.runId
  const run = runId ? await patiently(() => client.get(`/api/v1/runs/${runId}`, Run)) : undefined
  const value = run?.metrics[metric]
  if (value === undefined) throw unlogged(id, { step, metric }, Object.keys(run?.metrics ?? {}))
  return { value, by: id }
}

function unlogged(
  id: string,
  { step, metric }: Pick<Tried, 'step' | 'metric'>,
  logged: readonly string[],
): GyreError {
  return new GyreError(
    'INVALID_ARGUMENT',
    `--metric: step ${step} logged no ${metric} in pipeline run ${id}; it logged ${logged.join(', ') || 'nothing'}`,
    { field: 'metric', step, metric, logged, run: id },
  )
}

/** Whether a trial failed because its run, which succeeded, has no such metric. */
export function isUnlogged(error: unknown): error is GyreError {
  return error instanceof GyreError && error.details['field'] === 'metric'
}

function awaitEnd(client: GyreClient, id: string, { signal, patiently }: RunningTrial) {
  const path = `/api/v1/pipeline-runs/${id}?wait=true`
  return patiently(() => client.get(path, PipelineRun, { signal }))
}

/** Reports as long as the run goes; throws what ends the trial as pruned, once its run has been cancelled. */
async function pruneOrWait(
  client: GyreClient,
  id: string,
  look: () => Promise<void>,
  trial: RunningTrial,
  isOver: AbortSignal,
): Promise<void> {
  while (!isOver.aborted) {
    try {
      await look()
    } catch (error) {
      // Whatever the server refuses says nothing about the run, which may be somebody else's by now.
      if (error instanceof RequestError) throw error
      if (isOver.aborted) return
      await cancel(client, id, trial)
      throw error
    }
    await delay(LOOK_MS, undefined, { signal: isOver }).catch(() => undefined)
  }
}

async function cancel(client: GyreClient, id: string, trial: RunningTrial): Promise<void> {
  const path = `/api/v1/pipeline-runs/${id}/cancel`
  await trial
    .patiently(() => client.post(path, undefined, PipelineRun))
    .catch((error: unknown) => {
      // It came to its end by itself meanwhile.
      if (!(error instanceof RequestError && error.code === 'CONFLICT')) throw error
    })
  await awaitEnd(client, id, trial)
}

const History = z.strictObject({ points: z.array(MetricSample), next: z.string().nullable() })

/** Tells, each time that it is called, what the step has logged since, by steps that only grow. */
function reporter(
  client: GyreClient,
  id: string,
  { step, metric }: Pick<Tried, 'step' | 'metric'>,
  { report, patiently }: RunningTrial,
): () => Promise<void> {
  let told = -1
  return async () => {
    const { steps } = await patiently(() => client.get(`/api/v1/pipeline-runs/${id}`, PipelineRun))
    const runId = steps.find((one) => one.step === step)?.runId
    if (!runId) return
    const query = new URLSearchParams({ key: metric, limit: '50000' }).toString()
    const path = `/api/v1/runs/${runId}/metric-history?${query}`
    const { points } = await patiently(() => client.get(path, History))
    for (const { step: at, value } of points) {
      if (Number(at) <= told) continue
      told = Number(at)
      await reportLater(report, told, value)
    }
  }
}

/** The worker before this one may have told it, and what came after it. */
async function reportLater(
  report: RunningTrial['report'],
  step: number,
  value: number,
): Promise<void> {
  try {
    await report(step, value)
  } catch (error) {
    if (!(error instanceof RequestError && error.code === 'INVALID_ARGUMENT')) throw error
  }
}
