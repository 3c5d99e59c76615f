import { invalidInput, type GyreError } from '../core/errors.ts'
import { fitsShape, typeText, type Tensor, type TensorType } from '../core/tensor.ts'
import type { Schedule } from '../infer/schedule.ts'
import type { Graph, TensorSession } from '../infer/session.ts'
import type { Statistics } from '../infer/statistics.ts'

/** One model version, loaded and asked by its own tensors. */
export interface TensorArm {
  readonly takes: 'tensors'
  readonly graph: Graph
  /** Why it answers UNAVAILABLE; undefined while it works. */
  readonly failed: string | undefined
  statistics(): Statistics
  /**
   * Runs the model on tensors in whatever order they came. Throws INVALID_INPUT naming the tensor that is missing,
   * unknown, twice there, or of another type or shape than the model declares; else as `TensorSession.infer`.
   */
  answer(tensors: readonly Tensor[], schedule?: Schedule): Promise<readonly Tensor[]>
  /** Gives the model back; requests under way are still answered. */
  close(): void
}

/** What can be told of an arm to those who ask by tensors. */
export type DescribedArm = Pick<TensorArm, 'graph' | 'failed'>

export function tensorArm(session: TensorSession): TensorArm {
  const { graph, key } = session
  return {
    takes: 'tensors',
    graph,
    get failed() {
      return session.failed
    },
    statistics: () => session.statistics(),
    answer: async (tensors, schedule) =>
      session.infer({ inputs: fitInputs(key, graph, tensors) }, schedule),
    close: () => session.close(),
  }
}

/** The tensors in the order of the graph's inputs. */
function fitInputs(key: string, graph: Graph, tensors: readonly Tensor[]): readonly Tensor[] {
  const inputs = graph.inputs.map((type) => fitInput(key, type, tensors))
  if (tensors.length > inputs.length) throw surplus(key, graph, tensors)
  if (graph.batches) assertSameRows(inputs)
  return inputs
}

function fitInput(key: string, type: TensorType, tensors: readonly Tensor[]): Tensor {
  const tensor = tensors.find(({ name }) => name === type.name)
  const field = `inputs.${type.name}`
  if (!tensor) throw invalidInput(field, `missing; ${key} expects ${typeText(type)}`)
  if (tensor.shape.includes(0))
    throw invalidInput(`${field}.shape`, `expected at least one element, got ${typeText(tensor)}`)
  if (tensor.datatype === type.datatype && fitsShape(type.shape, tensor.shape)) return tensor
  throw invalidInput(field, `${key} expects ${typeText(type)}, got ${typeText(tensor)}`)
}

function surplus(key: string, { inputs }: Graph, tensors: readonly Tensor[]): GyreError {
  const known = inputs.map(({ name }) => name)
  const odd = tensors.find(
    ({ name }, i) => !known.includes(name) || tensors.findIndex((one) => one.name === name) < i,
  )
  const problem = known.includes(odd?.name ?? '') ? 'given twice' : 'no such input'
  return invalidInput(`inputs.${odd?.name}`, `${problem}; ${key} expects ${known.join(', ')}`)
}

/** Rows lie along the first axis of every input. */
function assertSameRows(inputs: readonly Tensor[]): void {
  const [first] = inputs
  const rows = first?.shape[0]
  const odd = inputs.find(({ shape }) => shape[0] !== rows)
  if (odd)
    throw invalidInput(
      `inputs.${odd.name}`,
      `expected ${rows} rows as ${first?.name} has, got ${odd.shape[0]}`,
    )
}
