/** What a tensor's numbers are kept in. FP16 and BF16 as their bits; BOOL as 0 and 1; BYTES as text. */
export type TensorData =
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Float32Array
  | Float64Array
  | readonly string[]

/** Array type of each fixed-size datatype, in the words of the Open Inference Protocol. */
export const ARRAY_OF = {
  BOOL: Uint8Array,
  UINT8: Uint8Array,
  UINT16: Uint16Array,
  UINT32: Uint32Array,
  UINT64: BigUint64Array,
  INT8: Int8Array,
  INT16: Int16Array,
  INT32: Int32Array,
  INT64: BigInt64Array,
  FP16: Uint16Array,
  BF16: Uint16Array,
  FP32: Float32Array,
  FP64: Float64Array,
} as const

/** A datatype whose elements all take the same number of bytes. */
export type NumberType = keyof typeof ARRAY_OF
export type Datatype = NumberType | 'BYTES'

/** What is declared of a tensor: -1 is a dimension that varies. */
export interface TensorType {
  readonly name: string
  readonly datatype: Datatype
  readonly shape: readonly number[]
}

/** A tensor and its elements, row-major: as many as the product of its shape. */
export interface Tensor extends TensorType {
  readonly data: TensorData
}

export function isNumberType(datatype: string): datatype is NumberType {
  return Object.hasOwn(ARRAY_OF, datatype)
}

export function isDatatype(datatype: string): datatype is Datatype {
  return datatype === 'BYTES' || isNumberType(datatype)
}

/**
 * Elements of a shape of non-negative integers; NaN for anything else, and for a product beyond `max`, so that
 * [99999999999, 128] is told apart before anything of its size is allocated.
 */
export function elementsOf(shape: readonly number[], max = Number.MAX_SAFE_INTEGER): number {
  let product = 1
  for (const dim of shape) {
    if (!Number.isSafeInteger(dim) || dim < 0) return Number.NaN
    product *= dim
    if (product > max) return Number.NaN
  }
  return product
}

/** Whether `shape` is one of those that `declared` allows. */
export function fitsShape(declared: readonly number[], shape: readonly number[]): boolean {
  return (
    declared.length === shape.length &&
    declared.every((dim, axis) => dim === -1 || dim === shape[axis])
  )
}

/** FP16 and BF16 are kept as bits: all ones in the exponent. */
const IS_NONFINITE: Partial<Record<Datatype, (value: number) => boolean>> = {
  FP32: (value) => !Number.isFinite(value),
  FP64: (value) => !Number.isFinite(value),
  FP16: (bits) => (bits & 0x7c00) === 0x7c00,
  BF16: (bits) => (bits & 0x7f80) === 0x7f80,
}

/** The place of the first element that is NaN or infinite; undefined where none is. */
export function firstNonfinite({
  datatype,
  data,
}: Pick<Tensor, 'datatype' | 'data'>): number | undefined {
  const isNonfinite = IS_NONFINITE[datatype]
  if (!isNonfinite) return undefined
  for (let i = 0; i < data.length; i++) if (isNonfinite(Number(data[i]))) return i
  return undefined
}

/** `FP32 [-1,4]`, for messages. */
export function typeText({ datatype, shape }: Omit<TensorType, 'name'>): string {
  return `${datatype} [${shape.join(',')}]`
}

/** The elements of the rows from `from` to `to` (exclusive) of a tensor with at least one axis; no copy of numbers. */
export function rowsOf(tensor: Tensor, from: number, to: number): Tensor {
  const [rows = 0, ...rest] = tensor.shape
  const perRow = rows === 0 ? 0 : tensor.data.length / rows
  const [start, end] = [from * perRow, to * perRow]
  const { data } = tensor
  return {
    ...tensor,
    shape: [to - from, ...rest],
    data: Array.isArray(data) ? data.slice(start, end) : subarrayOf(data, start, end),
  }
}

function subarrayOf(data: TensorData, start: number, end: number): TensorData {
  return 'subarray' in data ? data.subarray(start, end) : data.slice(start, end)
}

/** One tensor of the rows of all, which must be alike but for their number of rows. */
export function joinRows(tensors: readonly Tensor[]): Tensor {
  const [first] = tensors
  if (!first) throw new RangeError('no tensors to join')
  if (tensors.length === 1) return first
  const [, ...rest] = first.shape
  const rows = tensors.reduce((sum, { shape: [dim = 0] }) => sum + dim, 0)
  return { ...first, shape: [rows, ...rest], data: joinData(first.datatype, tensors) }
}

function joinData(datatype: Datatype, tensors: readonly Tensor[]): TensorData {
  if (datatype === 'BYTES') return tensors.flatMap(({ data }) => [...data].map(String))
  const length = tensors.reduce((sum, { data }) => sum + data.length, 0)
  const joined = new ARRAY_OF[datatype](length)
  let at = 0
  for (const { data } of tensors) {
    copyInto(joined, data, at)
    at += data.length
  }
  return joined
}

function copyInto(target: TensorData, source: TensorData, at: number): void {
  const bytes = (of: TensorData): Uint8Array =>
    ArrayBuffer.isView(of)
      ? new Uint8Array(of.buffer, of.byteOffset, of.byteLength)
      : new Uint8Array()
  const from = bytes(source)
  bytes(target).set(from, source.length === 0 ? 0 : at * (from.length / source.length))
}
