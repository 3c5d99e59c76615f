import { RequestError, type GyreClient } from '@gyre/sdk/client'
import type { Manifest } from '@gyre/sdk/wire/manifest'
import { PipelineRun, type PipelineSpec } from '@gyre/sdk/wire/pipeline'
import { refusedGate, type CiGate } from './report.ts'

/** The pipelines that make versions and judge them. */
export function trainingPipelines({ pipelines }: Manifest): readonly PipelineSpec[] {
  return pipelines.filter(
    ({ steps }) =>
      steps.some(({ kind }) => kind === 'gate') && steps.some(({ kind }) => kind === 'register'),
  )
}

/** Runs a pipeline to its end; what went wrong is a refused gate, a model's own verdict is none. */
export async function train(
  client: GyreClient,
  { name, params }: PipelineSpec,
  given: ReadonlyMap<string, unknown>,
): Promise<readonly CiGate[]> {
  const wanted = Object.fromEntries([...given].filter(([key]) => Object.hasOwn(params, key)))
  try {
    const path = `/api/v1/pipelines/${encodeURIComponent(name)}/runs`
    const { id } = await client.post(path, { params: wanted }, PipelineRun)
    const ended = await client.get(`/api/v1/pipeline-runs/${id}?wait=true`, PipelineRun)
    if (ended.status === 'succeeded') return []
    const failed = ended.steps.find(({ error }) => error !== null)
    const why = failed?.error ? `step ${failed.step}: ${failed.error.message}` : ended.status
    return [refusedGate('model', `pipeline ${name}`, why)]
  } catch (thrown) {
    if (!(thrown instanceof RequestError) || thrown.status >= 500) throw thrown
    return [refusedGate('model', `pipeline ${name}`, thrown.message)]
  }
}
