import type { JsonValue } from '@gyre/sdk/wire/ref'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { Builtins } from './builtin.ts'
import type { LeasedStep } from './leased-step.ts'
import { inputsOf, jsonOf, stepSpecOf, type PipelineRow } from './step-store.ts'
import type { Conclude } from './step-transition.ts'

/** What is written when a step's process has reported; a gate is judged then, not in the process. Throws CONFLICT. */
export function concludeReport(
  builtins: Builtins,
  ctx: Context,
  pipeline: PipelineRow,
  step: LeasedStep,
  reported: JsonValue,
): Conclude {
  const spec = stepSpecOf(pipeline, step.step)
  switch (spec.kind) {
    case 'module':
    case 'python':
      return async () => ({ outputs: reported })
    case 'gate': {
      const gate = {
        spec,
        inputs: inputsOf(step),
        extra: jsonOf(step.extra),
        runId: step.run_id,
        codeRef: pipeline.code_ref,
        isRepeat: pipeline.repeats !== null,
      }
      return (tx) => builtins.gate.finish(tx, ctx, gate, reported)
    }
    case 'training-set':
    case 'register':
      throw new GyreError('CONFLICT', `step ${step.step} is not run in a process of its own`, {
        step: step.step,
      })
  }
}
