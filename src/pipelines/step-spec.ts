import type { StepSpec } from '@gyre/sdk/wire/pipeline'
import { Json, type JsonValue } from '@gyre/sdk/wire/ref'
import { z } from 'zod'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { Params } from './params.ts'
import { jsonOf, loadStep, specOf, type PipelineRow, type StepRow } from './step-store.ts'
import { prepareStep, type AttemptDeps } from './step-attempt.ts'

/** One leased step with everything its process asks for. */
export interface NamedStep {
  readonly spec: StepSpec
  readonly row: StepRow
  readonly inputs: Record<string, JsonValue>
  readonly extra: JsonValue
}

export async function stepNamed(
  deps: AttemptDeps,
  ctx: Context,
  pipeline: PipelineRow,
  name: string,
): Promise<NamedStep> {
  const spec = specOf(pipeline).steps.find((step) => step.name === name)
  if (!spec)
    throw new GyreError('NOT_FOUND', `pipeline ${pipeline.pipeline} has no step ${name}`, {
      step: name,
    })
  const row = await loadStep(deps.catalog.read, pipeline.id, name)
  const inputs = z.record(z.string(), Json).parse(jsonOf(row.inputs) ?? {})
  return { spec, row, inputs, extra: await prepareStep(deps.builtins, ctx, spec, inputs) }
}

/** A step's seed: its own `seed` input, else the pipeline's `seed` parameter, else 0. */
export function seedOf(inputs: Params, params: Params): number {
  const seed = inputs['seed'] ?? params['seed']
  return typeof seed === 'number' && Number.isSafeInteger(seed) ? seed : 0
}
