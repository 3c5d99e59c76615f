import { invalidInput } from '../../core/errors.ts'
import type { IncomingHttpHeaders } from 'node:http'
import type { Tensor } from '../../core/tensor.ts'
import { PRIORITY_LEVELS } from '../../infer/schedule.ts'
import { decodeUtf8 } from '../body.ts'
import { parseInt64Json } from '../int64-json.ts'
import { isRecord, readBytes, readElements, readWireTensor } from './tensor-in.ts'

/** An output as a request asks for it. */
export interface OutputAsk {
  readonly name: string
  readonly binary: boolean
  /** So many best classes instead of the numbers; 0 asks for the numbers. */
  readonly classes: number
}

/** What is asked of a model, its tensors read by the datatypes that they declare. */
export interface InferRequest {
  readonly id: string | undefined
  readonly inputs: readonly Tensor[]
  /** Undefined asks for all. */
  readonly outputs: readonly OutputAsk[] | undefined
  /** Outputs that say nothing themselves are sent as bytes. */
  readonly binary: boolean
  readonly subject: string | undefined
  /** From now; undefined when the request says none. */
  readonly deadlineMs: number | undefined
  /** 1 goes first; undefined when the request says none. */
  readonly priority: number | undefined
}

/** Length of the JSON before the bytes of binary tensors. */
export const JSON_LENGTH_HEADER = 'inference-header-content-length'

const [MAX_ID, MAX_SUBJECT] = [1024, 256]

/** Deep enough for a shape of 32 axes inside the envelope. */
const MAX_DEPTH = 40

/**
 * An inference request of the Open Inference Protocol with its binary tensor extension. Throws INVALID_ARGUMENT for
 * what is no JSON and INVALID_INPUT naming the member that does not fit, a number that is not finite unless
 * `allowNonfinite`.
 */
export function readInferRequest(
  headers: IncomingHttpHeaders,
  body: Buffer,
  allowNonfinite = false,
): InferRequest {
  const jsonLength = jsonLengthOf(headers[JSON_LENGTH_HEADER], body.length)
  const json = parseInt64Json(decodeUtf8(body.subarray(0, jsonLength)), MAX_DEPTH)
  if (!isRecord(json)) throw invalidInput('body', 'expected a JSON object')
  const { id, inputs, outputs, parameters = {} } = json
  if (!isRecord(parameters)) throw invalidInput('parameters', 'expected an object')
  return {
    id: readId(id),
    inputs: readInputs(inputs, body.subarray(jsonLength), allowNonfinite),
    outputs: readOutputs(outputs),
    ...readParameters(parameters),
  }
}

function jsonLengthOf(header: string | string[] | undefined, bodyBytes: number): number {
  if (header === undefined) return bodyBytes
  const length = typeof header === 'string' && /^\d+$/.test(header) ? Number(header) : Number.NaN
  if (length <= bodyBytes) return length
  throw invalidInput(
    JSON_LENGTH_HEADER,
    `expected a number of bytes up to the body's ${bodyBytes}, got ${String(header)}`,
  )
}

function readId(id: unknown): string | undefined {
  if (id === undefined) return undefined
  if (typeof id === 'string' && id.length <= MAX_ID) return id
  throw invalidInput('id', `expected a text of at most ${MAX_ID} characters`)
}

/** Binary tensors lie behind the JSON, in the order of the inputs, and nothing else does. */
function readInputs(inputs: unknown, blobs: Buffer, allowNonfinite: boolean): readonly Tensor[] {
  if (!Array.isArray(inputs) || inputs.length === 0)
    throw invalidInput('inputs', 'expected an array of at least one tensor')
  let offset = 0
  const tensors = inputs.map((value: unknown, i) => {
    const wire = readWireTensor(value, i)
    if (wire.binarySize === undefined) return readElements(wire, allowNonfinite)
    const end = offset + wire.binarySize
    if (end > blobs.length)
      throw invalidInput(
        `inputs.${wire.name}`,
        `binary_data_size is ${wire.binarySize}, but the body has ${blobs.length - offset} bytes left`,
      )
    const tensor = readBytes(wire, blobs.subarray(offset, end), allowNonfinite)
    offset = end
    return tensor
  })
  if (offset < blobs.length)
    throw invalidInput('body', `${blobs.length - offset} bytes behind the last binary tensor`)
  return tensors
}

function readOutputs(outputs: unknown): readonly OutputAsk[] | undefined {
  if (outputs === undefined) return undefined
  if (!Array.isArray(outputs)) throw invalidInput('outputs', 'expected an array')
  return outputs.length === 0 ? undefined : outputs.map(readOutput)
}

function readOutput(value: unknown, index: number): OutputAsk {
  if (!isRecord(value) || typeof value['name'] !== 'string')
    throw invalidInput(`outputs.${index}.name`, 'expected the name of an output')
  const { name, parameters = {} } = value
  const at = `outputs.${name}.parameters`
  if (!isRecord(parameters)) throw invalidInput(at, 'expected an object')
  if ('shared_memory_region' in parameters)
    throw invalidInput(`${at}.shared_memory_region`, 'shared memory is not supported')
  const { binary_data: binary = false, classification: classes = 0 } = parameters
  if (typeof binary !== 'boolean') throw invalidInput(`${at}.binary_data`, 'expected true or false')
  if (typeof classes !== 'number' || !Number.isSafeInteger(classes) || classes < 0)
    throw invalidInput(`${at}.classification`, 'expected a number of classes')
  return { name, binary, classes }
}

/** What a request says besides its tensors. Throws INVALID_INPUT naming the parameter. */
export function readParameters(
  parameters: Record<string, unknown>,
): Pick<InferRequest, 'binary' | 'subject' | 'deadlineMs' | 'priority'> {
  const { binary_data_output: binary = false, timeout, priority, subject } = parameters
  if (typeof binary !== 'boolean')
    throw invalidInput('parameters.binary_data_output', 'expected true or false')
  if ('sequence_id' in parameters && parameters['sequence_id'] !== 0)
    throw invalidInput('parameters.sequence_id', 'sequences are not supported')
  return {
    binary,
    subject: readSubject(subject),
    deadlineMs: readTimeout(timeout),
    priority: readPriority(priority),
  }
}

/** Triton's words: 0 is the default, 1 the most urgent. */
function readPriority(priority: unknown): number | undefined {
  if (priority === undefined || priority === 0) return undefined
  const level = Number(priority)
  if (Number.isSafeInteger(level) && level > 0 && level <= PRIORITY_LEVELS) return level
  throw invalidInput(
    'parameters.priority',
    `expected 0 (the default) or a level from 1, the most urgent, to ${PRIORITY_LEVELS}`,
  )
}

/** Microseconds; 0 is none. */
function readTimeout(timeout: unknown): number | undefined {
  if (timeout === undefined || timeout === 0) return undefined
  const micros = Number(timeout)
  if (Number.isSafeInteger(micros) && micros > 0) return micros / 1_000
  throw invalidInput('parameters.timeout', 'expected a whole number of microseconds')
}

function readSubject(subject: unknown): string | undefined {
  if (subject === undefined) return undefined
  if (typeof subject === 'string' && subject.length > 0 && subject.length <= MAX_SUBJECT)
    return subject
  throw invalidInput('parameters.subject', `expected a text of 1 to ${MAX_SUBJECT} characters`)
}
