import { invalidInput } from '../core/errors.ts'
import { ARRAY_OF, isNumberType, typeText, type Tensor, type TensorType } from '../core/tensor.ts'
import type { Graph } from '../infer/session.ts'
import type { Ask } from './request.ts'

/**
 * The one row of a simple request as the tensors of a graph: `features` is the whole vector of its only input, `input`
 * names each input, as a number, a text, or an array of them. Throws INVALID_INPUT naming the member.
 */
export function rowTensors(key: string, graph: Graph, ask: Ask): readonly Tensor[] {
  const { features, input } = ask
  if (features === undefined)
    return Object.entries(input ?? {}).map(([name, value]) => named(key, graph, name, value))
  const [only] = graph.inputs
  if (only && graph.inputs.length === 1) return [tensorOf('features', only, features)]
  const takes = graph.inputs.map((type) => `${type.name} ${typeText(type)}`).join(', ')
  throw invalidInput('features', `${key} takes ${takes}: name each in input`)
}

function named(key: string, { inputs }: Graph, name: string, value: unknown): Tensor {
  const type = inputs.find((one) => one.name === name)
  if (type) return tensorOf(`input.${name}`, type, Array.isArray(value) ? value : [value])
  throw invalidInput(
    `input.${name}`,
    `no such input; ${key} takes ${inputs.map((one) => one.name).join(', ')}`,
  )
}

/** A row: the first axis counts rows, and one more may hold its elements. */
function tensorOf(field: string, type: TensorType, values: readonly unknown[]): Tensor {
  const { name, datatype, shape } = type
  if (shape.length > 2)
    throw invalidInput(
      field,
      `${typeText(type)} is no row of values; ask by POST /v2/models/NAME/infer`,
    )
  const dims = shape.length === 2 ? [1, values.length] : [values.length]
  return { name, datatype, shape: dims, data: elements(field, type, values) }
}

function elements(
  field: string,
  { datatype }: TensorType,
  values: readonly unknown[],
): Tensor['data'] {
  if (datatype === 'BYTES') return values.map((value, i) => textOf(`${field}.${i}`, value))
  if (!isNumberType(datatype) || datatype === 'FP16' || datatype === 'BF16')
    throw invalidInput(field, `${datatype} has no JSON form; ask by POST /v2/models/NAME/infer`)
  const numbers = values.map((value, i) => numberOf(`${field}.${i}`, value))
  if (datatype !== 'INT64' && datatype !== 'UINT64') return new ARRAY_OF[datatype](numbers)
  return new ARRAY_OF[datatype](numbers.map((value, i) => wholeOf(`${field}.${i}`, value)))
}

function textOf(field: string, value: unknown): string {
  if (typeof value === 'string') return value
  throw invalidInput(field, 'expected a text')
}

function numberOf(field: string, value: unknown): number {
  if (typeof value === 'boolean') return Number(value)
  if (typeof value === 'number' && Number.isFinite(Math.fround(value))) return value
  throw invalidInput(field, 'expected a finite number')
}

function wholeOf(field: string, value: number): bigint {
  if (Number.isSafeInteger(value)) return BigInt(value)
  throw invalidInput(field, 'expected a whole number')
}
