import type { z } from 'zod'
import type { DatasetSpec } from '../wire/dataset.ts'
import type { EndpointSpec } from '../wire/endpoint.ts'
import type { TransformSpec, ViewSpec } from '../wire/feature.ts'
import type { ProjectCard } from '../wire/manifest.ts'
import type { MonitorSpec } from '../wire/monitor.ts'
import type { PipelineSpec, StepSpec } from '../wire/pipeline.ts'
import type { TriggerSpec } from '../wire/trigger.ts'

/** Where a definition is kept on the value a project exports; one symbol however often this file is loaded. */
export const DEFINITION = Symbol.for('gyre.definition')

/** Loads one exported function: `async () => (await import('./steps/fit.ts')).fit`. */
export type Loader<F = unknown> = () => Promise<F>

type Located = 'chunk' | 'digest' | 'export'
type Unlocated<Spec> = Omit<Spec, Located> & { readonly load: Loader }

type TransformDraft = Unlocated<TransformSpec>
type ModuleStep = Extract<StepSpec, { kind: 'module' }>
type PythonStep = Extract<StepSpec, { kind: 'python' }>
/** What is in the files that it names is found out when the project is bundled. */
type PythonDraft = Omit<PythonStep, 'digest' | 'requirements'> & { readonly requirements?: string }
export type StepDraft =
  | Exclude<StepSpec, ModuleStep | PythonStep>
  | Unlocated<ModuleStep>
  | PythonDraft
type PipelineDraft = Omit<PipelineSpec, 'steps'> & { readonly steps: readonly StepDraft[] }

/** What each kind of definition says; code is still a loader, to be found in the bundle. */
export interface Specs {
  readonly project: ProjectCard & { readonly name: string }
  readonly dataset: DatasetSpec
  readonly view: ViewSpec
  readonly transform: TransformDraft
  readonly pipeline: PipelineDraft
  readonly endpoint: z.input<typeof EndpointSpec>
  readonly monitor: z.input<typeof MonitorSpec>
  readonly trigger: z.input<typeof TriggerSpec>
}

export type DefinitionKind = keyof Specs

export interface Definition<K extends DefinitionKind = DefinitionKind> {
  readonly kind: K
  readonly spec: Specs[K]
}

/** A value that carries a definition of one kind. */
export interface Defined<K extends DefinitionKind = DefinitionKind> {
  readonly [DEFINITION]: Definition<K>
}

export function isDefined(value: unknown): value is Defined {
  return typeof value === 'object' && value !== null && DEFINITION in value
}
