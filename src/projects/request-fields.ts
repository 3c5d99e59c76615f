import type { ColumnContract } from '@gyre/sdk/wire/dataset'
import type { EndpointSpec } from '@gyre/sdk/wire/endpoint'
import type { ModelInput } from '@gyre/sdk/wire/feature'
import type { Manifest } from '@gyre/sdk/wire/manifest'
import type { PipelineSpec, TrainingSetSpec } from '@gyre/sdk/wire/pipeline'
import type { Problem } from './problem.ts'

type Contracts = Readonly<Record<string, ColumnContract>>

/**
 * Fields that a request cannot do without and an endpoint does not ask for, or asks for as another type than
 * its model learned from: such a model could be trained and never answer.
 */
export function* unservableInputs(manifest: Manifest): Generator<Problem> {
  for (const endpoint of manifest.endpoints) {
    yield* unmatched(manifest, endpoint)
    for (const pipeline of manifest.pipelines) {
      if (!registers(pipeline, endpoint.model)) continue
      for (const spec of trainingSets(pipeline)) yield* missing(manifest, endpoint, spec)
    }
  }
}

function* missing(
  manifest: Manifest,
  endpoint: EndpointSpec,
  { dataset, inputs }: TrainingSetSpec,
): Generator<Problem> {
  const columns = manifest.datasets.find(({ name }) => name === dataset)?.columns ?? {}
  for (const input of inputs)
    for (const field of fieldsOf(manifest, input)) {
      const problem = unfit(field, input, columns, endpoint.input)
      if (problem) yield { field: `endpoints.${endpoint.name}.input.${field}`, message: problem }
    }
}

function unfit(
  field: string,
  input: ModelInput,
  learned: Contracts,
  asked: Contracts,
): string | undefined {
  const [from, to] = [learned[field]?.type, asked[field]?.type]
  if (from === undefined) return `input ${input.name} wants ${field}, which the dataset has not`
  if (to === undefined) return `expected this field, which input ${input.name} is made of`
  if (input.kind === 'field' && !isNumeric(from)) return `input ${input.name} is ${from}, no number`
  if (from === to || (isNumeric(from) && isNumeric(to))) return undefined
  return `expected ${from}, which the model learned from, got ${to}`
}

/** A looked-up value is found by entity columns, which the request must bring. */
function* unmatched(manifest: Manifest, { name, input }: EndpointSpec): Generator<Problem> {
  for (const [field, { matches }] of Object.entries(input)) {
    const view = manifest.views.find((each) => each.name === matches?.view)
    for (const entity of view?.entity ?? [])
      if (input[entity] === undefined)
        yield {
          field: `endpoints.${name}.input.${entity}`,
          message: `expected this field, by which ${field} is compared with view ${view?.name}`,
        }
  }
}

function fieldsOf(manifest: Manifest, input: ModelInput): readonly string[] {
  switch (input.kind) {
    case 'field':
    case 'rate':
      return [input.field]
    case 'feature':
      return manifest.views.find(({ name }) => name === input.view)?.entity ?? []
    case 'transform':
      return manifest.transforms.find(({ name }) => name === input.transform)?.from ?? []
  }
}

function isNumeric(type: ColumnContract['type']): boolean {
  return type === 'int' || type === 'number' || type === 'boolean'
}

function registers({ steps }: PipelineSpec, model: string): boolean {
  return steps.some((step) => step.kind === 'register' && step.model === model)
}

function trainingSets({ steps }: PipelineSpec): readonly TrainingSetSpec[] {
  return steps.flatMap((step) => (step.kind === 'training-set' ? [step.spec] : []))
}
