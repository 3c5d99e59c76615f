import type { JsonValue } from '@gyre/sdk/wire/ref'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { BuiltinResult } from './builtin.ts'
import type { AttemptDeps } from './step-attempt.ts'
import { stepNamed } from './step-spec.ts'
import type { PipelineRow, StepRow } from './step-store.ts'

/** What a step's process reported, as the step's result; a gate is judged here, not in the process. */
export async function finishStep(
  deps: AttemptDeps,
  ctx: Context,
  pipeline: PipelineRow,
  row: StepRow,
  reported: JsonValue,
): Promise<BuiltinResult> {
  const { spec, inputs } = await stepNamed(deps, ctx, pipeline, row.step)
  const builtin = deps.builtins.gate
  switch (spec.kind) {
    case 'module':
      return { outputs: reported }
    case 'gate':
      if (builtin.where !== 'runner') break
      return builtin.finish(
        ctx,
        { spec, inputs, runId: row.run_id ?? '', codeRef: pipeline.code_ref },
        reported,
      )
    case 'training-set':
    case 'register':
      break
  }
  throw new GyreError('CONFLICT', `step ${row.step} is not run in a process of its own`, {
    step: row.step,
  })
}
