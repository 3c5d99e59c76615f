import type { StepSpec } from '@gyre/sdk/wire/pipeline'
import { isNotebook } from '@gyre/sdk/wire/python'
import type { JsonValue } from '@gyre/sdk/wire/ref'
import { eachOf } from './graph.ts'
import { itemInputs } from './item-inputs.ts'
import type { Params } from './params.ts'

/** What would start the same run by hand. */
export function pipelineCommand(name: string, params: Params): string[] {
  const given = Object.entries(params).flatMap(([key, value]) => [
    '--param',
    `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  ])
  return ['gyre', 'pipeline', 'run', name, ...given]
}

/** The inputs of a step as its run tells them: of a list of items how many there are. */
export function runParams(spec: StepSpec, inputs: Params): Readonly<Record<string, JsonValue>> {
  if (!eachOf(spec)) return inputs
  const { shared, count } = itemInputs(spec, inputs)
  return { ...shared, items: count }
}

/** What a step executes: a function of the bundle, a script, or one of Gyre's own. */
export function stepCommand(spec: StepSpec): string[] {
  if (spec.kind === 'module') return [spec.chunk, spec.export]
  if (spec.kind !== 'python') return ['gyre', spec.kind, spec.name]
  return ['python3', ...(isNotebook(spec.script) ? ['-m', 'gyre.notebook'] : []), spec.script]
}
