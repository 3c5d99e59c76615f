import { invalidInput, type GyreError } from '../../core/errors.ts'
import {
  ARRAY_OF,
  elementsOf,
  isDatatype,
  type Datatype,
  type Tensor,
  type TensorData,
} from '../../core/tensor.ts'
import { readBlob } from './tensor-bytes.ts'

/** An input as the JSON of a request declares it, its elements not read yet. */
export interface WireTensor {
  readonly name: string
  readonly datatype: Datatype
  readonly shape: readonly number[]
  /** The elements, nested by the shape or flat; undefined where they follow the JSON as bytes. */
  readonly data: unknown
  readonly binarySize: number | undefined
}

/** No tensor of a request holds more elements, whatever its shape claims. */
const MAX_ELEMENTS = 2 ** 31

const MAX_NAME = 1024
const MAX_RANK = 32

/** Checks what is declared. Throws INVALID_INPUT naming the member of the input. */
export function readWireTensor(value: unknown, index: number): WireTensor {
  if (!isRecord(value)) throw invalidInput(`inputs.${index}`, 'expected an object')
  const { name, datatype, shape, data, parameters } = value
  if (typeof name !== 'string' || name === '' || name.length > MAX_NAME)
    throw invalidInput(`inputs.${index}.name`, `expected a text of 1 to ${MAX_NAME} characters`)
  const at = `inputs.${name}`
  if (typeof datatype !== 'string' || !isDatatype(datatype))
    throw invalidInput(`${at}.datatype`, `expected FP32, INT64, BYTES, …, got ${show(datatype)}`)
  const binarySize = binarySizeOf(at, parameters)
  if ((data === undefined) === (binarySize === undefined))
    throw invalidInput(`${at}.data`, 'expected either data or parameters.binary_data_size')
  return { name, datatype, shape: readShape(at, shape), data, binarySize }
}

function readShape(at: string, shape: unknown): readonly number[] {
  if (!Array.isArray(shape) || shape.length > MAX_RANK)
    throw invalidInput(`${at}.shape`, `expected an array of at most ${MAX_RANK} whole numbers`)
  for (const dim of shape)
    if (typeof dim !== 'number' || !Number.isSafeInteger(dim) || dim < 0)
      throw invalidInput(`${at}.shape`, `expected whole numbers from 0 on, got ${show(dim)}`)
  if (Number.isNaN(elementsOf(shape, MAX_ELEMENTS)))
    throw invalidInput(`${at}.shape`, `[${shape.join()}] is more than ${MAX_ELEMENTS} elements`)
  return shape
}

function binarySizeOf(at: string, parameters: unknown): number | undefined {
  if (parameters === undefined) return undefined
  if (!isRecord(parameters)) throw invalidInput(`${at}.parameters`, 'expected an object')
  if ('shared_memory_region' in parameters)
    throw invalidInput(`${at}.parameters.shared_memory_region`, 'shared memory is not supported')
  const { binary_data_size: size } = parameters
  if (size === undefined) return undefined
  if (typeof size === 'number' && Number.isSafeInteger(size) && size >= 0) return size
  throw invalidInput(`${at}.parameters.binary_data_size`, 'expected a whole number of bytes')
}

/**
 * The tensor of a declared input whose elements are in the JSON. Nothing is allocated before their number is known
 * to be that of the shape. Throws INVALID_INPUT naming the element; NaN and infinities are none unless `allowNonfinite`.
 */
export function readElements(
  { name, datatype, shape, data }: WireTensor,
  allowNonfinite = false,
): Tensor {
  const at = `inputs.${name}`
  if (datatype === 'FP16' || datatype === 'BF16')
    throw invalidInput(`${at}.data`, `${datatype} has no JSON form; send it as binary data`)
  const flat = flatten(at, shape, data)
  return { name, datatype, shape, data: readAll(at, datatype, flat, allowNonfinite) }
}

/** The tensor of a declared input whose elements are these bytes. Throws INVALID_INPUT naming the input. */
export function readBytes(
  { name, datatype, shape }: WireTensor,
  bytes: Buffer,
  allowNonfinite = false,
): Tensor {
  const data = readBlob(`inputs.${name}`, datatype, shape, bytes, allowNonfinite)
  return { name, datatype, shape, data }
}

/** Row-major elements of data that is flat already, or nested exactly as the shape says. */
function flatten(at: string, shape: readonly number[], data: unknown): readonly unknown[] {
  const expected = elementsOf(shape)
  if (!Array.isArray(data)) throw invalidInput(`${at}.data`, `expected an array, got ${show(data)}`)
  if (shape.length > 1 && Array.isArray(data[0])) {
    const flat: unknown[] = []
    collect(at, shape, 0, data, flat)
    return flat
  }
  if (data.length === expected) return data
  throw invalidInput(
    `${at}.data`,
    `shape [${shape.join()}] is ${expected} elements, got ${data.length}`,
  )
}

function collect(
  at: string,
  shape: readonly number[],
  axis: number,
  data: unknown,
  flat: unknown[],
): void {
  if (!Array.isArray(data) || data.length !== shape[axis])
    throw invalidInput(
      `${at}.data`,
      `expected ${shape[axis]} elements along axis ${axis}, got ${Array.isArray(data) ? data.length : show(data)}`,
    )
  if (axis === shape.length - 1) for (const element of data) flat.push(element)
  else for (const inner of data) collect(at, shape, axis + 1, inner, flat)
}

function readAll(
  at: string,
  datatype: Exclude<Datatype, 'FP16' | 'BF16'>,
  flat: readonly unknown[],
  allowNonfinite: boolean,
): TensorData {
  if (datatype === 'BYTES') return flat.map((value, i) => readText(at, value, i))
  if (datatype === 'INT64' || datatype === 'UINT64') return readLongs(at, datatype, flat)
  if (datatype === 'FP32' || datatype === 'FP64')
    return readFloats(at, datatype, flat, allowNonfinite)
  return readSmall(at, datatype, flat)
}

function readText(at: string, value: unknown, i: number): string {
  if (typeof value === 'string') return value
  throw notA(at, i, 'a text', value)
}

function readFloats(
  at: string,
  datatype: 'FP32' | 'FP64',
  flat: readonly unknown[],
  allowNonfinite: boolean,
): Float32Array | Float64Array {
  const data = new ARRAY_OF[datatype](flat.length)
  for (let i = 0; i < flat.length; i++) {
    const value = flat[i]
    data[i] = typeof value === 'number' ? value : longNumber(value)
    if (Number.isFinite(data[i])) continue
    // JSON has no NaN; 1e999 is read as Infinity, and 1e39 is beyond float32. gRPC has all of them.
    if (!(allowNonfinite && typeof value === 'number'))
      throw notA(at, i, `a finite ${datatype}`, value)
  }
  return data
}

/** A whole number of 16 digits or more comes as its digits. */
function longNumber(value: unknown): number {
  return typeof value === 'string' && /^-?\d{16,}$/.test(value) ? Number(value) : Number.NaN
}

function readLongs(
  at: string,
  datatype: 'INT64' | 'UINT64',
  flat: readonly unknown[],
): BigInt64Array | BigUint64Array {
  const data = new ARRAY_OF[datatype](flat.length)
  for (let i = 0; i < flat.length; i++) {
    const value = toBigInt(flat[i])
    if (value === undefined) throw notA(at, i, `an ${datatype}`, flat[i])
    data[i] = value
    // Assignment wraps around: what does not read back did not fit.
    if (data[i] !== value) throw notA(at, i, `an ${datatype}`, flat[i])
  }
  return data
}

function toBigInt(value: unknown): bigint | undefined {
  if (Number.isSafeInteger(value)) return BigInt(Number(value))
  return typeof value === 'string' && /^-?\d{16,20}$/.test(value) ? BigInt(value) : undefined
}

function readSmall(
  at: string,
  datatype: Exclude<Datatype, 'FP16' | 'BF16' | 'FP32' | 'FP64' | 'INT64' | 'UINT64' | 'BYTES'>,
  flat: readonly unknown[],
): TensorData {
  const data = new ARRAY_OF[datatype](flat.length)
  const isBool = datatype === 'BOOL'
  for (let i = 0; i < flat.length; i++) {
    const given = flat[i]
    const value = isBool && typeof given === 'boolean' ? Number(given) : given
    data[i] = typeof value === 'number' ? value : 0
    const isOne = data[i] === value && !(isBool && value !== 0 && value !== 1)
    if (!isOne) throw notA(at, i, isBool ? 'true or false' : `an ${datatype}`, given)
  }
  return data
}

function notA(at: string, i: number, expected: string, got: unknown): GyreError {
  return invalidInput(`${at}.data[${i}]`, `expected ${expected}, got ${show(got)}`)
}

/** A value as an error shows it, short. */
function show(value: unknown): string {
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'object' && value !== null) return 'an object'
  return (JSON.stringify(value) ?? 'nothing').slice(0, 40)
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
