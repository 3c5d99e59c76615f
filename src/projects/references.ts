import type { EndpointSpec } from '@gyre/sdk/wire/endpoint'
import type { ModelInput, ViewSpec } from '@gyre/sdk/wire/feature'
import type { Manifest } from '@gyre/sdk/wire/manifest'
import type { PipelineSpec, StepSpec } from '@gyre/sdk/wire/pipeline'
import type { TriggerSpec } from '@gyre/sdk/wire/trigger'
import type { Problem } from './problem.ts'

/** A definition that another one names, and the member of it that is meant. */
interface Reference {
  readonly field: string
  readonly by: string
  readonly kind: 'dataset' | 'view' | 'transform' | 'pipeline' | 'endpoint' | 'monitor'
  readonly name: string
  readonly member?: string
}

/** Every definition or member of one that is named but not there. */
export function* danglingReferences(manifest: Manifest): Generator<Problem> {
  const members = membersOf(manifest)
  for (const { field, by, kind, name, member } of referencesOf(manifest)) {
    const known = members.get(`${kind} ${name}`)
    if (known === undefined)
      yield {
        field,
        message: `${kind} ${name} is used by ${by} but not exported from gyre.config.ts`,
      }
    else if (member !== undefined && !known.includes(member))
      yield { field, message: `${kind} ${name} has no ${member}; it has ${known.join(', ')}` }
  }
}

/** What can be named inside each definition: columns, features, outputs, parameters. */
function membersOf(manifest: Manifest): ReadonlyMap<string, readonly string[]> {
  const members = new Map<string, readonly string[]>()
  for (const { name, columns, derive } of manifest.datasets)
    members.set(`dataset ${name}`, [...Object.keys(columns), ...Object.keys(derive ?? {})])
  for (const { name, features } of manifest.views)
    members.set(`view ${name}`, Object.keys(features))
  for (const { name, gives } of manifest.transforms) members.set(`transform ${name}`, gives)
  for (const { name, params } of manifest.pipelines)
    members.set(`pipeline ${name}`, Object.keys(params))
  for (const { name } of manifest.endpoints) members.set(`endpoint ${name}`, [])
  for (const { name } of manifest.monitors) members.set(`monitor ${name}`, [])
  return members
}

function* referencesOf(manifest: Manifest): Generator<Reference> {
  for (const view of manifest.views) yield* ofView(view)
  for (const pipeline of manifest.pipelines)
    for (const step of pipeline.steps) yield* ofStep(pipeline, step)
  for (const endpoint of manifest.endpoints) yield* ofEndpoint(endpoint)
  for (const { name, endpoint } of manifest.monitors)
    yield {
      field: `monitors.${name}.endpoint`,
      by: `monitor ${name}`,
      kind: 'endpoint',
      name: endpoint,
    }
  for (const trigger of manifest.triggers) yield* ofTrigger(trigger)
}

function* ofView({ name, from, entity, eventTime, features }: ViewSpec): Generator<Reference> {
  const at = `views.${name}`
  const source = { by: `view ${name}`, kind: 'dataset', name: from } as const
  yield { ...source, field: `${at}.from` }
  for (const member of entity) yield { ...source, field: `${at}.entity`, member }
  yield { ...source, field: `${at}.eventTime`, member: eventTime }
  for (const [feature, { column }] of Object.entries(features))
    yield { ...source, field: `${at}.features.${feature}`, member: column }
}

function* ofStep(pipeline: PipelineSpec, step: StepSpec): Generator<Reference> {
  const at = `pipelines.${pipeline.name}.steps.${step.name}`
  const by = `pipeline ${pipeline.name}`
  if (step.kind === 'gate' && step.champion !== undefined)
    yield { field: `${at}.champion`, by, kind: 'endpoint', name: step.champion }
  if (step.kind !== 'training-set') return
  const { dataset, served, inputs } = step.spec
  yield { field: `${at}.spec.dataset`, by, kind: 'dataset', name: dataset }
  if (served !== undefined) yield { field: `${at}.spec.served`, by, kind: 'endpoint', name: served }
  for (const input of inputs) yield ofInput(`${at}.spec.inputs.${input.name}`, by, dataset, input)
}

function ofInput(field: string, by: string, dataset: string, input: ModelInput): Reference {
  switch (input.kind) {
    case 'field':
    case 'rate':
      return { field, by, kind: 'dataset', name: dataset, member: input.field }
    case 'feature':
      return { field, by, kind: 'view', name: input.view, member: input.feature }
    case 'transform':
      return { field, by, kind: 'transform', name: input.transform, member: input.output }
  }
}

function* ofEndpoint({ name, input }: EndpointSpec): Generator<Reference> {
  for (const [key, { matches }] of Object.entries(input)) {
    const field = `endpoints.${name}.input.${key}.matches`
    if (matches)
      yield {
        field,
        by: `endpoint ${name}`,
        kind: 'view',
        name: matches.view,
        member: matches.feature,
      }
  }
}

function* ofTrigger(trigger: TriggerSpec): Generator<Reference> {
  const at = `triggers.${trigger.name}`
  const by = `trigger ${trigger.name}`
  yield { field: `${at}.endpoint`, by, kind: 'endpoint', name: trigger.endpoint }
  const pipeline = { by, kind: 'pipeline', name: trigger.pipeline } as const
  yield { ...pipeline, field: `${at}.untilParam`, member: trigger.untilParam }
  for (const member of Object.keys(trigger.params))
    yield { ...pipeline, field: `${at}.params.${member}`, member }
  for (const when of trigger.when)
    if (when.kind === 'drift' || when.kind === 'quality')
      yield { field: `${at}.when`, by, kind: 'monitor', name: when.monitor }
}
