import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node'
import { GyreError } from '../../core/errors.ts'
import type { Datatype, Tensor, TensorType } from '../../core/tensor.ts'
import type { AroundNative } from '../native-guard.ts'

/** One thread and no spinning: workers are the parallelism, and idle ones must cost nothing. */
const OPTIONS: InferenceSession.SessionOptions = {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionMode: 'sequential',
  extra: { session: { intra_op: { allow_spinning: '0' } } },
}

/** Bytes that a graph names as a file. */
export interface Weights {
  readonly path: string
  readonly data: Uint8Array
}

/** A session over the bytes of a graph and its weights. Throws INVALID_INPUT where onnxruntime refuses them. */
export async function createSession(
  bytes: Uint8Array,
  around: AroundNative,
  weights: readonly Weights[] = [],
): Promise<InferenceSession> {
  const options = weights.length === 0 ? OPTIONS : { ...OPTIONS, externalData: weights }
  return around(() => InferenceSession.create(bytes, options)).catch((cause: unknown) => {
    throw invalid(`cannot be loaded: ${textOf(cause)}`)
  })
}

/** onnxruntime's word for each datatype that it takes from JavaScript. */
const ORT_TYPES = {
  BOOL: 'bool',
  UINT8: 'uint8',
  UINT16: 'uint16',
  UINT32: 'uint32',
  UINT64: 'uint64',
  INT8: 'int8',
  INT16: 'int16',
  INT32: 'int32',
  INT64: 'int64',
  FP16: 'float16',
  FP32: 'float32',
  FP64: 'float64',
  BYTES: 'string',
} as const

/** Throws INVALID_INPUT for a datatype that onnxruntime takes from no JavaScript. */
export function assertRunnable({ name, datatype }: TensorType): void {
  if (datatype === 'BF16')
    throw invalid(`${name}: onnxruntime takes no BF16 here; cast it to FP32 inside the graph`)
}

export function toOrt({ datatype, shape, data }: Tensor): OrtTensor {
  if (datatype === 'BF16') throw invalid('BF16 was let through')
  return new OrtTensor(ORT_TYPES[datatype], data, [...shape])
}

/** What onnxruntime gave for an output, as the tensor it was declared to be. Throws MODEL_FAILED for another type. */
export function fromOrt(declared: TensorType, given: OrtTensor | undefined): Tensor {
  const { name, datatype } = declared
  if (given && isOf(datatype, given.type))
    return { name, datatype, shape: given.dims, data: given.data }
  throw new GyreError(
    'MODEL_FAILED',
    `${name}: expected ${datatype}, got ${given?.type ?? 'nothing'}`,
  )
}

function isOf(datatype: Datatype, type: string): boolean {
  return datatype !== 'BF16' && ORT_TYPES[datatype] === type
}

export function invalid(message: string): GyreError {
  return new GyreError('INVALID_INPUT', `model.onnx: ${message}`)
}

export function textOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}
