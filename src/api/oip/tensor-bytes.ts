import { invalidInput } from '../../core/errors.ts'
import {
  ARRAY_OF,
  elementsOf,
  type Datatype,
  type NumberType,
  type TensorData,
} from '../../core/tensor.ts'

/** Length of the little-endian count before each text of a BYTES tensor. */
const COUNT_BYTES = 4

/**
 * Elements as the binary tensor extension lays them out: little-endian, BOOL a byte each, BYTES each behind its
 * length in four bytes. Throws INVALID_INPUT naming `at` for a number of bytes that is not the shape's, a BOOL that is
 * neither 0 nor 1, a number that is not finite, and a text that is not UTF-8.
 */
export function readBlob(
  at: string,
  datatype: Datatype,
  shape: readonly number[],
  bytes: Buffer,
): TensorData {
  if (datatype === 'BYTES') return readTexts(at, elementsOf(shape), bytes)
  const { BYTES_PER_ELEMENT: size } = ARRAY_OF[datatype]
  const expected = elementsOf(shape) * size
  if (bytes.length !== expected)
    throw invalidInput(
      at,
      `${datatype} [${shape.join()}] is ${expected} bytes, got ${bytes.length}`,
    )
  const data = alignedCopy(datatype, bytes)
  const odd = oddOne(datatype, data)
  if (odd !== undefined) throw invalidInput(`${at}.data[${odd}]`, `expected ${ordinary(datatype)}`)
  return data
}

/** Of its own memory: what is sent to a worker must not take the rest of the body along. */
function alignedCopy(datatype: NumberType, bytes: Buffer): Exclude<TensorData, readonly string[]> {
  const own = new Uint8Array(bytes.length)
  own.set(bytes)
  return new ARRAY_OF[datatype](own.buffer)
}

/** The place of the first element that is not finite, or of a BOOL that is none. */
function oddOne(
  datatype: NumberType,
  data: Exclude<TensorData, readonly string[]>,
): number | undefined {
  const isOdd = ODD[datatype]
  if (!isOdd) return undefined
  for (let i = 0; i < data.length; i++) if (isOdd(Number(data[i]))) return i
  return undefined
}

/** FP16 and BF16 as bits: all ones in the exponent. */
const ODD: Partial<Record<NumberType, (value: number) => boolean>> = {
  BOOL: (value) => value > 1,
  FP32: (value) => !Number.isFinite(value),
  FP64: (value) => !Number.isFinite(value),
  FP16: (bits) => (bits & 0x7c00) === 0x7c00,
  BF16: (bits) => (bits & 0x7f80) === 0x7f80,
}

function ordinary(datatype: NumberType): string {
  return datatype === 'BOOL' ? '0 or 1' : `a finite ${datatype}`
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function readTexts(at: string, count: number, bytes: Buffer): readonly string[] {
  // Each takes four bytes at the least: a shape that claims more is told apart before anything is read.
  if (count * COUNT_BYTES > bytes.length)
    throw invalidInput(
      at,
      `${count} texts take at least ${count * COUNT_BYTES} bytes, got ${bytes.length}`,
    )
  const texts: string[] = []
  let offset = 0
  for (let i = 0; i < count; i++) {
    const start = offset + COUNT_BYTES
    if (start > bytes.length)
      throw invalidInput(`${at}.data[${i}]`, 'the bytes end before its length')
    const end = start + bytes.readUInt32LE(offset)
    if (end > bytes.length)
      throw invalidInput(`${at}.data[${i}]`, 'the bytes end before the text does')
    texts.push(readUtf8(`${at}.data[${i}]`, bytes.subarray(start, end)))
    offset = end
  }
  if (offset < bytes.length)
    throw invalidInput(at, `${count} texts are ${offset} bytes, got ${bytes.length}`)
  return texts
}

/** A text of a BYTES tensor. Throws INVALID_INPUT naming `field` for what is not UTF-8. */
export function readUtf8(field: string, bytes: Uint8Array): string {
  try {
    return UTF8.decode(bytes)
  } catch (cause) {
    throw invalidInput(field, 'expected UTF-8', cause)
  }
}

/** The bytes of a tensor's elements, laid out as `readBlob` reads them. */
export function writeBlob(data: TensorData): Buffer {
  if (ArrayBuffer.isView(data)) return Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  return Buffer.concat(
    data.flatMap((text) => {
      const bytes = Buffer.from(text)
      const count = Buffer.alloc(COUNT_BYTES)
      count.writeUInt32LE(bytes.length)
      return [count, bytes]
    }),
  )
}
