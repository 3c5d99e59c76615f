import type { z } from 'zod'
import type { Manifest } from '../wire/manifest.ts'
import { DefinitionError } from './definition-error.ts'
import { DEFINITION, isDefined, type Definition, type DefinitionKind } from './definition.ts'
import type { Loader, Specs, StepDraft } from './definition.ts'
import { isName } from './name.ts'

/** Where the function that a loader loads lies in the bundle. */
export interface CodePlace {
  readonly chunk: string
  readonly digest: string
  readonly export: string
}

/** Finds it, or throws a DefinitionError whose field is `field`. */
export type Locate = (field: string, load: Loader) => CodePlace

/** A manifest whose presets are not filled in yet. */
export type ManifestDraft = Omit<z.input<typeof Manifest>, 'pipelines'> & {
  /** Python steps name their files; what is in those is filled in where the files are. */
  readonly pipelines: readonly PipelineDraft[]
}
type LocatedStep = z.input<typeof Manifest>['pipelines'][number]['steps'][number]
type PipelineDraft = Omit<z.input<typeof Manifest>['pipelines'][number], 'steps'> & {
  readonly steps: readonly (
    | Exclude<LocatedStep, { kind: 'python' }>
    | Extract<StepDraft, { kind: 'python' }>
  )[]
}

/** The major of the manifest that this builds. */
const PROTOCOL = 1

/**
 * The manifest of what a project's config module exports; exports that define nothing are passed over.
 * `fallbackName` names a project that does not name itself. Throws DefinitionError on a name defined twice, and
 * where there is none.
 */
export function buildManifest(
  exports: Readonly<Record<string, unknown>>,
  fallbackName: string,
  locate: Locate,
): ManifestDraft {
  const definitions = definitionsOf(exports)
  const specs = <K extends DefinitionKind>(kind: K) => specsOf(definitions, kind)
  const [project, second] = specs('project')
  if (second)
    throw new DefinitionError(`project ${second.name}`, 'expected one project in a config')
  const name = project?.name ?? fallbackName
  if (!isName(name))
    throw new DefinitionError(
      'project',
      `it has no name; export project('NAME', { … }) from the config, or name the package${name === '' ? '' : ` other than ${JSON.stringify(name)}`}`,
    )
  return {
    protocol: PROTOCOL,
    name,
    card: project ? withoutName(project) : null,
    datasets: specs('dataset'),
    views: specs('view'),
    transforms: specs('transform').map(({ load, ...spec }) => ({
      ...spec,
      ...locate(`transform ${spec.name}`, load),
    })),
    pipelines: specs('pipeline').map((spec) => ({
      ...spec,
      steps: spec.steps.map((step) => located(spec.name, step, locate)),
    })),
    endpoints: specs('endpoint'),
    monitors: specs('monitor'),
    triggers: specs('trigger'),
  }
}

function definitionsOf(exports: Readonly<Record<string, unknown>>): readonly Definition[] {
  const found = new Map<Definition, string>()
  for (const [key, value] of Object.entries(exports))
    if (isDefined(value) && !found.has(value[DEFINITION])) found.set(value[DEFINITION], key)
  const names = new Map<string, string>()
  for (const [{ kind, spec }, key] of found) {
    const label = `${kind} ${spec.name}`
    const other = names.get(label)
    if (other !== undefined)
      throw new DefinitionError(label, `is defined twice, exported as ${other} and as ${key}`)
    names.set(label, key)
  }
  return [...found.keys()]
}

/** The specs of one kind by name, so that the order of exports does not matter. */
function specsOf<K extends DefinitionKind>(
  definitions: readonly Definition[],
  kind: K,
): Specs[K][] {
  const isOfKind = (each: Definition): each is Definition<K> => each.kind === kind
  return definitions
    .filter(isOfKind)
    .map(({ spec }) => spec)
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

function withoutName({ name: _name, ...card }: Specs['project']): ManifestDraft['card'] {
  return card
}

function located(
  pipeline: string,
  step: StepDraft,
  locate: Locate,
): PipelineDraft['steps'][number] {
  if (step.kind !== 'module') return step
  const { load, ...spec } = step
  return { ...spec, ...locate(`pipeline ${pipeline}.step ${step.name}`, load) }
}
