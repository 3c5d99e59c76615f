import { EndpointSpec, type RunSettings } from '@gyre/sdk/wire/endpoint'
import type { RouteState } from '@gyre/sdk/wire/release'
import { invalidInput } from '../core/errors.ts'
import type { DeclaredTensor, TritonConfig } from '../core/formats/triton-config.ts'
import type { TensorType } from '../core/tensor.ts'
import type { Graph } from '../infer/session.ts'

/** How a configuration says that runs are shared; undefined where it says nothing. */
export function runsOf({ maxBatch, batching, workers }: TritonConfig): RunSettings | undefined {
  if (maxBatch === undefined && !batching && workers === undefined) return undefined
  return {
    ...(maxBatch !== undefined && { maxBatch }),
    // Where sizes are told and no batcher, Triton runs each request alone.
    shares: maxBatch === undefined || batching !== undefined,
    preferredRows: [...(batching?.preferredRows ?? [])],
    maxDelayUs: batching?.maxDelayUs ?? 0,
    ...(workers !== undefined && { workers }),
  }
}

/** The endpoint of a model of the folder, whose versions `named` answer by their numbers. */
export function endpointOf(
  name: string,
  config: TritonConfig,
  named: readonly string[],
): EndpointSpec {
  const runs = runsOf(config)
  return EndpointSpec.parse({
    name,
    model: name,
    subject: 'subject',
    takes: 'tensors',
    input: {},
    named: [...named],
    ...(runs && { runs }),
  })
}

/**
 * The version that a route is to move to, the first of `named` being the greatest; undefined where it stays. A version
 * that was rolled back stays rolled back while what took its place is there.
 */
export function nextStable(route: RouteState, named: readonly string[]): string | undefined {
  const [greatest] = named
  if (greatest === undefined || greatest === route.stable || route.canary) return undefined
  if (route.stable === null || !named.includes(route.stable)) return greatest
  return greatest === route.previous ? undefined : greatest
}

/** Throws INVALID_INPUT naming a declared tensor that the graph has not, or has of another type. */
export function assertDeclared({ inputs, outputs }: TritonConfig, graph: Graph): void {
  for (const tensor of inputs) assertIn('input', tensor, graph.inputs)
  for (const tensor of outputs) assertIn('output', tensor, graph.outputs)
}

function assertIn(field: string, { name, datatype }: DeclaredTensor, has: readonly TensorType[]) {
  const found = has.find((tensor) => tensor.name === name)
  const names = has.map((tensor) => tensor.name).join(', ')
  if (!found)
    throw invalidInput(`${field} ${name}`, `the graph has no such tensor, it has ${names}`)
  if (datatype !== '' && datatype !== found.datatype)
    throw invalidInput(`${field} ${name}`, `the graph has it as ${found.datatype}, not ${datatype}`)
}
