import type { StepSpec } from '@gyre/sdk/wire/pipeline'
import type { Params } from './params.ts'

/** What would start the same run by hand. */
export function pipelineCommand(name: string, params: Params): string[] {
  const given = Object.entries(params).flatMap(([key, value]) => [
    '--param',
    `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  ])
  return ['gyre', 'pipeline', 'run', name, ...given]
}

/** What a step executes: a function of the bundle, or one of Gyre's own. */
export function stepCommand(spec: StepSpec): string[] {
  return spec.kind === 'module' ? [spec.chunk, spec.export] : ['gyre', spec.kind, spec.name]
}
