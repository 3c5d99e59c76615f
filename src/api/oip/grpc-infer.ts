import { invalidInput } from '../../core/errors.ts'
import type { Tensor } from '../../core/tensor.ts'
import { outputOf, plainOutput } from './asked-output.ts'
import { readParameters, type InferRequest, type OutputAsk } from './infer-request.ts'
import { readUtf8, writeBlob } from './tensor-bytes.ts'
import { isRecord, readBytes, readElements, readWireTensor } from './tensor-in.ts'

/** What a call of ModelInfer asks, of which model. */
export interface GrpcInfer {
  readonly model: string
  /** Undefined where the call names none. */
  readonly version: string | undefined
  readonly request: InferRequest
}

/**
 * A ModelInferRequest as it was decoded. Throws INVALID_INPUT naming the field that does not fit; of the model that is
 * asked, `allowsNonfinite` says whether a number that is not finite does.
 */
export function readGrpcInfer(
  message: unknown,
  allowsNonfinite: (model: string) => boolean,
): GrpcInfer {
  const body = isRecord(message) ? message : {}
  const { model_name: model = '', model_version: version = '', id = '' } = body
  const raw = listOf(body['raw_input_contents'])
  const inputs = listOf(body['inputs'])
  if (inputs.length === 0) throw invalidInput('inputs', 'expected at least one tensor')
  if (raw.length > 0 && raw.length !== inputs.length)
    throw invalidInput(
      'raw_input_contents',
      `expected one for each of ${inputs.length} inputs, got ${raw.length}`,
    )
  const allow = allowsNonfinite(String(model))
  const tensors = inputs.map((input, i) =>
    raw.length > 0 ? readRaw(input, i, raw[i], allow) : readTyped(input, i, allow),
  )
  return {
    model: String(model),
    version: version === '' ? undefined : String(version),
    request: {
      id: id === '' ? undefined : String(id),
      inputs: tensors,
      outputs: readOutputs(listOf(body['outputs'])),
      ...readParameters(parametersOf(body)),
    },
  }
}

function readRaw(input: unknown, index: number, bytes: unknown, allow: boolean): Tensor {
  const given = isRecord(input) ? input : {}
  if (given['contents'] !== undefined)
    throw invalidInput(`inputs.${index}.contents`, 'raw_input_contents are there already')
  const raw = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes instanceof Uint8Array ? bytes : [])
  const { name, datatype, shape = [] } = given
  const parameters = { binary_data_size: raw.length }
  return readBytes(readWireTensor({ name, datatype, shape, parameters }, index), raw, allow)
}

function readTyped(input: unknown, index: number, allow: boolean): Tensor {
  const { name, datatype, shape = [], contents } = isRecord(input) ? input : {}
  const member = MEMBERS.get(String(datatype))
  const data = isRecord(contents) && member !== undefined ? listOf(contents[member]) : []
  const texts = datatype === 'BYTES' ? data.map((bytes) => textOf(index, bytes)) : data
  return readElements(readWireTensor({ name, datatype, shape, data: texts }, index), allow)
}

/** Where the elements of each datatype stand; FP16 and BF16 are raw alone. */
const MEMBERS: ReadonlyMap<string, string> = new Map([
  ['BOOL', 'bool_contents'],
  ['INT8', 'int_contents'],
  ['INT16', 'int_contents'],
  ['INT32', 'int_contents'],
  ['INT64', 'int64_contents'],
  ['UINT8', 'uint_contents'],
  ['UINT16', 'uint_contents'],
  ['UINT32', 'uint_contents'],
  ['UINT64', 'uint64_contents'],
  ['FP32', 'fp32_contents'],
  ['FP64', 'fp64_contents'],
  ['BYTES', 'bytes_contents'],
])

function textOf(index: number, bytes: unknown): string {
  const given = bytes instanceof Uint8Array ? bytes : new Uint8Array()
  return readUtf8(`inputs.${index}.contents.bytes_contents`, given)
}

function readOutputs(outputs: readonly unknown[]): readonly OutputAsk[] | undefined {
  if (outputs.length === 0) return undefined
  return outputs.map((output) => {
    const { name } = isRecord(output) ? output : {}
    const { classification } = isRecord(output) ? parametersOf(output) : {}
    return { ...plainOutput(String(name), true), classes: Number(classification ?? 0) }
  })
}

/** Values by name, whichever type they came as. */
function parametersOf(message: Record<string, unknown>): Record<string, unknown> {
  const given = isRecord(message['parameters']) ? message['parameters'] : {}
  return Object.fromEntries(
    Object.entries(given).map(([name, value]) => [name, Object.values(Object(value))[0]]),
  )
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

/** A ModelInferResponse; all outputs are raw. Throws INVALID_INPUT naming an output that the model does not have. */
export function writeGrpcInfer(
  { model, request }: GrpcInfer,
  version: string,
  outputs: readonly Tensor[],
): object {
  const asked = request.outputs ?? outputs.map(({ name }) => plainOutput(name, true))
  const given = asked.map((ask) => outputOf(ask, outputs))
  return {
    model_name: model,
    model_version: version,
    id: request.id ?? '',
    outputs: given.map(({ name, datatype, shape }) => ({ name, datatype, shape: [...shape] })),
    raw_output_contents: given.map(({ data }) => writeBlob(data)),
  }
}
