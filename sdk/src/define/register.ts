import type { Verdict } from '../wire/gate.ts'
import type { GateInputs } from './gate.ts'
import { checkName } from './name.ts'
import { addStep, currentPipeline } from './pipeline.ts'
import { inputSpecs } from './step.ts'
import type { Given } from './value.ts'

interface RegisterInputs {
  readonly model: GateInputs['candidate']
  /** What the gate said of exactly this model. */
  readonly verdict: Given<Verdict>
}

interface RegisterOptions {
  /** Name of the policy that approves a version whose gate passed; a person must when absent. */
  readonly approvedBy?: string
}

/** A step that makes the model a version of `model`, with its verdict and where it comes from. */
export function register(
  model: string,
  inputs: RegisterInputs,
  { approvedBy }: RegisterOptions = {},
): void {
  const name = `register-${model}`
  const here = `pipeline ${currentPipeline(name)}.step ${name}`
  checkName(here, model)
  if (approvedBy !== undefined) checkName(`${here}.approvedBy`, approvedBy)
  addStep({
    kind: 'register',
    name,
    inputs: inputSpecs(name, inputs),
    model,
    ...(approvedBy !== undefined && { approvedBy }),
  })
}
