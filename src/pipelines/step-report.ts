import type { JsonValue } from '@gyre/sdk/wire/ref'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { BuiltinResult, Builtins } from './builtin.ts'
import type { LeasedStep } from './leased-step.ts'
import { inputsOf, jsonOf, stepSpecOf, type PipelineRow } from './step-store.ts'

/** What a step's process reported, as the step's result; a gate is judged here, not in the process. */
export async function resultOf(
  builtins: Builtins,
  ctx: Context,
  pipeline: PipelineRow,
  step: LeasedStep,
  reported: JsonValue,
): Promise<BuiltinResult> {
  const spec = stepSpecOf(pipeline, step.step)
  switch (spec.kind) {
    case 'module':
      return { outputs: reported }
    case 'gate':
      return builtins.gate.finish(
        ctx,
        {
          spec,
          inputs: inputsOf(step),
          extra: jsonOf(step.extra),
          runId: step.run_id,
          codeRef: pipeline.code_ref,
        },
        reported,
      )
    case 'training-set':
    case 'register':
      throw new GyreError('CONFLICT', `step ${step.step} is not run in a process of its own`, {
        step: step.step,
      })
  }
}
