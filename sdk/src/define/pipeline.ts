import { DefinitionError } from './definition-error.ts'
import { DEFINITION, type Defined, type StepDraft } from './definition.ts'
import { checkName } from './name.ts'
import type { Param, ParamValue } from './param.ts'
import { recordOf } from './record.ts'
import { handle, type Handle } from './value.ts'

/** A pipeline's parameters by name. */
export type Params = Readonly<Record<string, Param>>

/** Steps in the order of their calls, and the parameters a run is given. */
export interface Pipeline<P extends Params = Params> extends Defined<'pipeline'> {
  readonly params: P
}

type Arguments<P> = { readonly [K in keyof P]: Handle<ParamValue<P[K]>> }

interface Building {
  readonly name: string
  readonly steps: StepDraft[]
}

let building: Building | undefined

/**
 * Defines a pipeline: `build` calls the steps, each handing on what it will give when a run gets there.
 * Throws DefinitionError when `build` waits for something, calls no step, or names two steps alike.
 */
export function pipeline<const P extends Params>(
  name: string,
  params: P,
  build: (params: Arguments<P>) => void,
): Pipeline<P> {
  checkName('pipeline', name)
  const specs = Object.entries(params).map(([key, { param }]) => {
    checkName(`pipeline ${name}.params`, key)
    if (param === undefined)
      throw new DefinitionError(
        `pipeline ${name}.params.${key}`,
        'expected a parameter such as int(7) or day(); bounds belong to columns',
      )
    return [key, param] as const
  })
  const partitioned = specs.flatMap(([key, { partitions }]) => (partitions ? [key] : []))
  if (partitioned.length > 1)
    throw new DefinitionError(
      `pipeline ${name}.params.${partitioned[1]}`,
      `expected one parameter of partitions, and ${partitioned[0]} is one`,
    )
  const steps = stepsOf(name, () => build(argumentsOf(name, params)))
  const spec = { name, params: Object.fromEntries(specs), steps }
  return { [DEFINITION]: { kind: 'pipeline', spec }, params }
}

/** The pipeline being built. Throws DefinitionError where a step is called outside of one. */
export function currentPipeline(step: string): string {
  if (building === undefined)
    throw new DefinitionError(`step ${step}`, 'expected to be called while a pipeline is built')
  return building.name
}

/** Adds a step to the pipeline being built, and stands for what it will give. */
export function addStep<O>(step: StepDraft): Handle<O> {
  const pipelineName = currentPipeline(step.name)
  checkName(`pipeline ${pipelineName}.step`, step.name)
  if (building?.steps.some(({ name }) => name === step.name))
    throw new DefinitionError(`pipeline ${pipelineName}`, `two steps are named ${step.name}`)
  building?.steps.push(step)
  return handle({ pipeline: pipelineName, spec: { kind: 'step', step: step.name, path: [] } })
}

function stepsOf(name: string, build: () => unknown): readonly StepDraft[] {
  const here = `pipeline ${name}`
  if (building) throw new DefinitionError(here, `is defined inside pipeline ${building.name}`)
  const steps: StepDraft[] = []
  building = { name, steps }
  try {
    if (build() instanceof Promise)
      throw new DefinitionError(here, 'its function must not be async')
  } finally {
    building = undefined
  }
  if (steps.length === 0) throw new DefinitionError(here, 'expected at least one step')
  return steps
}

function argumentsOf<P extends Params>(owner: string, params: P): Arguments<P>
function argumentsOf(owner: string, params: Params): Readonly<Record<string, Handle<unknown>>> {
  return recordOf(Object.keys(params), (param) =>
    handle<unknown>({ pipeline: owner, spec: { kind: 'param', param } }),
  )
}
