import { invalidInput } from '../../core/errors.ts'
import type { Tensor, TensorType } from '../../core/tensor.ts'
import { isRecord, readElements, readWireTensor } from '../oip/tensor-in.ts'

/** What is asked of a model in the words of TensorFlow Serving. */
export interface PredictAsk {
  /** `row`: one answer an instance; `columnar`: the outputs as they are. */
  readonly format: 'row' | 'columnar'
  /** Instances of the row format; 0 of the columnar. */
  readonly rows: number
  readonly inputs: readonly Tensor[]
}

/** The one signature that a graph has. */
const SIGNATURE = 'serving_default'

/**
 * The body of `:predict`, read by what the model declares, since it says no types itself. Source: TensorFlow Serving,
 * RESTful API, "Predict API". Throws INVALID_INPUT naming the member, the tensor or the element that does not fit.
 */
export function readPredict(
  body: unknown,
  types: readonly TensorType[],
  allowNonfinite: boolean,
): PredictAsk {
  if (!isRecord(body)) throw invalidInput('body', 'expected a JSON object')
  const { signature_name: signature = SIGNATURE, instances, inputs } = body
  if (signature !== SIGNATURE && signature !== '')
    throw invalidInput('signature_name', `expected ${SIGNATURE}`)
  if ((instances === undefined) === (inputs === undefined))
    throw invalidInput('instances', 'expected either instances (by row) or inputs (by tensor)')
  const isRow = instances !== undefined
  const named = isRow ? byRow(instances, types) : byTensor(inputs, types)
  return {
    format: isRow ? 'row' : 'columnar',
    rows: Array.isArray(instances) ? instances.length : 0,
    inputs: [...named].map(([name, value], i) => tensorOf(name, value, i, types, allowNonfinite)),
  }
}

/** Instances are values of the only input, or objects that name each. */
function byRow(instances: unknown, types: readonly TensorType[]): ReadonlyMap<string, unknown> {
  if (!Array.isArray(instances) || instances.length === 0)
    throw invalidInput('instances', 'expected an array of at least one')
  if (!isNamed(instances[0])) return new Map([[onlyInput('instances', types), instances]])
  const columns = new Map(Object.keys(instances[0]).map((name) => [name, new Array<unknown>()]))
  for (const [i, instance] of instances.entries()) {
    if (!isNamed(instance)) throw invalidInput(`instances.${i}`, 'expected an object, as the first')
    for (const [name, column] of columns) {
      if (!Object.hasOwn(instance, name)) throw invalidInput(`instances.${i}.${name}`, 'missing')
      column.push(instance[name])
    }
    const odd = Object.keys(instance).find((name) => !columns.has(name))
    if (odd !== undefined)
      throw invalidInput(`instances.${i}.${odd}`, 'the first has no such input')
  }
  return columns
}

function byTensor(inputs: unknown, types: readonly TensorType[]): ReadonlyMap<string, unknown> {
  return isNamed(inputs)
    ? new Map(Object.entries(inputs))
    : new Map([[onlyInput('inputs', types), inputs]])
}

function onlyInput(field: string, types: readonly TensorType[]): string {
  const [only] = types
  if (only && types.length === 1) return only.name
  throw invalidInput(
    field,
    `the model takes ${types.map(({ name }) => name).join(', ')}: name each`,
  )
}

/** An object of tensors by name, and not `{ "b64": … }`, which is a value. */
function isNamed(value: unknown): value is Record<string, unknown> {
  return isRecord(value) && !isBase64(value)
}

function isBase64(value: unknown): value is { readonly b64: string } {
  return isRecord(value) && typeof value['b64'] === 'string' && Object.keys(value).length === 1
}

function tensorOf(
  name: string,
  value: unknown,
  index: number,
  types: readonly TensorType[],
  allowNonfinite: boolean,
): Tensor {
  const type = types.find((one) => one.name === name)
  if (!type)
    throw invalidInput(
      `inputs.${name}`,
      `no such input; the model takes ${types.map((one) => one.name).join(', ')}`,
    )
  const plain = type.datatype === 'BYTES' ? decoded(`inputs.${name}`, value) : value
  const shape = shapeOf(plain)
  const data = shape.length === 0 ? [plain] : plain
  const wire = readWireTensor({ name, datatype: type.datatype, shape, data }, index)
  return readElements(wire, allowNonfinite)
}

/** As the first elements are nested; that the others are alike is checked when they are read. */
function shapeOf(value: unknown): readonly number[] {
  const shape: number[] = []
  for (let inner = value; Array.isArray(inner); inner = inner[0]) shape.push(inner.length)
  return shape
}

function decoded(field: string, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((inner) => decoded(field, inner))
  return isBase64(value) ? utf8Of(field, value.b64) : value
}

function utf8Of(field: string, base64: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(base64, 'base64'))
  } catch (cause) {
    throw invalidInput(field, 'expected UTF-8 in b64', cause)
  }
}
