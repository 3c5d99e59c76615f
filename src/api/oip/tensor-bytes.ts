import { invalidInput } from '../../core/errors.ts'
import {
  ARRAY_OF,
  elementsOf,
  firstNonfinite,
  type Datatype,
  type NumberType,
  type TensorData,
} from '../../core/tensor.ts'

/** Length of the little-endian count before each text of a BYTES tensor. */
const COUNT_BYTES = 4

/**
 * Elements as the binary tensor extension lays them out: little-endian, BOOL a byte each, BYTES each behind its
 * length in four bytes. Throws INVALID_INPUT naming `at` for a number of bytes that is not the shape's, a BOOL that is
 * neither 0 nor 1, a number that is not finite unless that is `allowNonfinite`, and a text that is not UTF-8.
 */
export function readBlob(
  at: string,
  datatype: Datatype,
  shape: readonly number[],
  bytes: Buffer,
  allowNonfinite = false,
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
  const noBool = datatype === 'BOOL' ? data.findIndex((value) => value > 1) : -1
  if (noBool >= 0) throw invalidInput(`${at}.data[${noBool}]`, 'expected 0 or 1')
  const odd = allowNonfinite ? undefined : firstNonfinite({ datatype, data })
  if (odd !== undefined) throw invalidInput(`${at}.data[${odd}]`, `expected a finite ${datatype}`)
  return data
}

/** Of its own memory: what is sent to a worker must not take the rest of the body along. */
function alignedCopy(datatype: NumberType, bytes: Buffer): Exclude<TensorData, readonly string[]> {
  const own = new Uint8Array(bytes.length)
  own.set(bytes)
  return new ARRAY_OF[datatype](own.buffer)
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
