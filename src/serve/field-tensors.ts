import type { EndpointSpec } from '@gyre/sdk/wire/endpoint'
import type { PredictReply } from '@gyre/sdk/wire/predict'
import { invalidInput, type GyreError } from '../core/errors.ts'
import { typeText, type Datatype, type Tensor, type TensorType } from '../core/tensor.ts'
import type { Graph } from '../infer/session.ts'

/** Each row is scored by itself, and all of a request must find room in the queue. */
const MAX_ROWS = 512

type FieldType = EndpointSpec['input'][string]['type']

/** What a field is as a tensor; a timestamp is its text. */
const DATATYPE: Readonly<Record<FieldType, Datatype>> = {
  number: 'FP64',
  int: 'INT64',
  text: 'BYTES',
  timestamp: 'BYTES',
  boolean: 'BOOL',
}

const OUTPUTS: readonly TensorType[] = [
  { name: 'score', datatype: 'FP64', shape: [-1] },
  { name: 'prediction', datatype: 'INT64', shape: [-1] },
  { name: 'prediction_id', datatype: 'BYTES', shape: [-1] },
  { name: 'quarantined', datatype: 'BOOL', shape: [-1] },
]

/** An endpoint that takes fields, in the words of tensors: one a field, and one row a request. */
export function fieldsGraph({ input }: EndpointSpec): Graph {
  const inputs = Object.entries(input).map(([name, { type }]) => ({
    name,
    datatype: DATATYPE[type],
    shape: [-1],
  }))
  return { inputs, outputs: OUTPUTS, operators: {}, batches: true, maxBatch: MAX_ROWS }
}

/**
 * The rows of tensors of shape [n] or [n,1], as fields by name. Whether they are what the endpoint takes is for its
 * contract to say. Throws INVALID_INPUT naming the tensor.
 */
export function readFieldRows(
  { name: endpoint, input }: EndpointSpec,
  tensors: readonly Tensor[],
): readonly Readonly<Record<string, unknown>>[] {
  const [first] = tensors
  const rows = first?.shape[0] ?? 0
  if (rows > MAX_ROWS)
    throw invalidInput(
      `inputs.${first?.name}.shape`,
      `expected at most ${MAX_ROWS} rows, got ${rows}`,
    )
  for (const [i, tensor] of tensors.entries()) {
    const { name, shape } = tensor
    if (tensors.findIndex((one) => one.name === name) < i)
      throw invalidInput(`inputs.${name}`, 'given twice')
    if (!Object.hasOwn(input, name))
      throw invalidInput(
        `inputs.${name}`,
        `no such field; ${endpoint} takes ${Object.keys(input).join(', ')}`,
      )
    const isColumn = shape.length === 1 || (shape.length === 2 && shape[1] === 1)
    if (!isColumn || shape[0] !== rows || rows === 0)
      throw invalidInput(
        `inputs.${name}`,
        `expected shape [${rows || 'n'}] or [${rows || 'n'},1], got ${typeText(tensor)}`,
      )
  }
  const columns = tensors.map((tensor) => [tensor.name, valuesOf(tensor)] as const)
  return Array.from({ length: rows }, (_, i) =>
    Object.fromEntries(columns.map(([name, values]) => [name, values[i]])),
  )
}

/** As JSON would have them. Throws INVALID_INPUT for a whole number that no double holds, and for half floats. */
function valuesOf({ name, datatype, data }: Tensor): readonly unknown[] {
  if (datatype === 'FP16' || datatype === 'BF16')
    throw invalidInput(`inputs.${name}.datatype`, `a field is no ${datatype}; send FP32 or FP64`)
  if (datatype === 'BYTES') return Array.from<unknown>(data)
  return Array.from<unknown, unknown>(data, (value, i) => {
    const number = Number(value)
    if (datatype === 'BOOL') return number === 1
    if (typeof value !== 'bigint' || Number.isSafeInteger(number)) return number
    throw invalidInput(`inputs.${name}.data[${i}]`, 'expected a whole number up to 2^53')
  })
}

/** An error of a row as one of its tensor: `input.carrier: …` is `inputs.carrier.data[3]: …`. */
export function rowError(error: GyreError, row: number): GyreError {
  const { field } = error.details
  if (typeof field !== 'string' || !field.startsWith('input.')) return error
  const place = `inputs.${field.slice('input.'.length)}.data[${row}]`
  return invalidInput(place, error.message.replace(`${field}: `, ''), error)
}

/** What was answered to each row, as `OUTPUTS`. */
export function answerTensors(replies: readonly PredictReply[]): readonly Tensor[] {
  const shape = [replies.length]
  return [
    { name: 'score', datatype: 'FP64', shape, data: Float64Array.from(replies, numberOf) },
    {
      name: 'prediction',
      datatype: 'INT64',
      shape,
      data: BigInt64Array.from(replies, ({ prediction }) => BigInt(Number(prediction))),
    },
    {
      name: 'prediction_id',
      datatype: 'BYTES',
      shape,
      data: replies.map((reply) => reply.prediction_id),
    },
    {
      name: 'quarantined',
      datatype: 'BOOL',
      shape,
      data: Uint8Array.from(replies, ({ quarantined }) => Number(quarantined)),
    },
  ]
}

function numberOf({ score }: PredictReply): number {
  return score ?? Number.NaN
}
