import type { DatasetSpec } from '../wire/dataset.ts'
import type { EndpointSpec } from '../wire/endpoint.ts'
import type { TransformSpec, ViewSpec } from '../wire/feature.ts'
import type { ProjectCard } from '../wire/manifest.ts'
import type { MonitorSpec } from '../wire/monitor.ts'
import type { PipelineSpec, StepSpec } from '../wire/pipeline.ts'
import type { TriggerSpec } from '../wire/trigger.ts'
import type { z } from 'zod'

/** Where a definition is kept on the value a project exports; one symbol however often this file is loaded. */
export const DEFINITION = Symbol.for('gyre.definition')

/** Loads one exported function: `async () => (await import('./steps/fit.ts')).fit`. */
export type Loader<F = unknown> = () => Promise<F>

type Located = 'chunk' | 'digest' | 'export'
type Unlocated<Spec> = Omit<Spec, Located> & { readonly load: Loader }

export type TransformDraft = Unlocated<TransformSpec>
type ModuleStep = Extract<StepSpec, { kind: 'module' }>
export type StepDraft = Exclude<StepSpec, ModuleStep> | Unlocated<ModuleStep>
export type PipelineDraft = Omit<PipelineSpec, 'steps'> & { readonly steps: readonly StepDraft[] }

/** What each kind of export says; code is still a loader, to be found in the bundle. */
export type Definition =
  | { readonly kind: 'project'; readonly spec: ProjectCard & { readonly name: string } }
  | { readonly kind: 'dataset'; readonly spec: DatasetSpec }
  | { readonly kind: 'view'; readonly spec: ViewSpec }
  | { readonly kind: 'transform'; readonly spec: TransformDraft }
  | { readonly kind: 'pipeline'; readonly spec: PipelineDraft }
  | { readonly kind: 'endpoint'; readonly spec: z.input<typeof EndpointSpec> }
  | { readonly kind: 'monitor'; readonly spec: z.input<typeof MonitorSpec> }
  | { readonly kind: 'trigger'; readonly spec: z.input<typeof TriggerSpec> }

export type DefinitionKind = Definition['kind']

/** A value that carries a definition of one kind. */
export interface Defined<K extends DefinitionKind = DefinitionKind> {
  readonly [DEFINITION]: Extract<Definition, { readonly kind: K }>
}

export function isDefined(value: unknown): value is Defined {
  return typeof value === 'object' && value !== null && DEFINITION in value
}
