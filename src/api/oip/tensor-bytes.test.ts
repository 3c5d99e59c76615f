import { expect, test } from 'vitest'
import { readBlob, writeBlob } from './tensor-bytes.ts'

/** Python 3.11: struct.pack('<2f', 1.5, -2), struct.pack('<2q', 1, 2**60), numpy.float16(1.5).tobytes(). */
const FLOATS = Buffer.from('0000c03f000000c0', 'hex')
const LONGS = Buffer.from('01000000000000000000000000000010', 'hex')
const HALF = Buffer.from('003e', 'hex')
/** tritonclient 2.51: serialize_byte_tensor(np.array(['é', ''])). */
const TEXTS = Buffer.from('02000000c3a900000000', 'hex')

test.for([
  ['FP32', [2], FLOATS, Float32Array.of(1.5, -2)],
  ['INT64', [2], LONGS, BigInt64Array.of(1n, 2n ** 60n)],
  ['FP16', [1, 1], HALF, Uint16Array.of(0x3e00)],
  ['BOOL', [3], Buffer.of(0, 1, 1), Uint8Array.of(0, 1, 1)],
  ['BYTES', [2], TEXTS, ['é', '']],
] as const)('%s %j is read as it is written', ([datatype, shape, bytes, data]) => {
  const read = readBlob('x', datatype, shape, bytes)
  expect(read).toEqual(data)
  expect(writeBlob(read)).toEqual(bytes)
})

test('bytes at an odd place of a body are read all the same', () => {
  const body = Buffer.concat([Buffer.of(7), FLOATS])
  expect(readBlob('x', 'FP32', [2], body.subarray(1))).toEqual(Float32Array.of(1.5, -2))
})

test.for([
  ['FP32', [3], FLOATS, /x: FP32 \[3\] is 12 bytes, got 8/],
  ['BOOL', [1], Buffer.of(2), /x\.data\[0\]: expected 0 or 1/],
  ['FP32', [1], Buffer.from('0000c07f', 'hex'), /x\.data\[0\]: expected a finite FP32/],
  ['FP16', [1], Buffer.from('007c', 'hex'), /finite FP16/],
  ['BF16', [1], Buffer.from('807f', 'hex'), /finite BF16/],
  ['FP64', [1], Buffer.from('000000000000f07f', 'hex'), /finite FP64/],
  ['BYTES', [2 ** 31], TEXTS, /2147483648 texts take at least/],
  ['BYTES', [2], TEXTS.subarray(0, 9), /x\.data\[1\]: the bytes end before its length/],
  ['BYTES', [1], Buffer.from('ffffffff61', 'hex'), /x\.data\[0\]: the bytes end before the text/],
  ['BYTES', [1], Buffer.from('01000000ff', 'hex'), /x\.data\[0\]: expected UTF-8/],
  ['BYTES', [1], TEXTS, /x: 1 texts are 6 bytes, got 10/],
] as const)('%s %j of other bytes is refused', ([datatype, shape, bytes, message]) => {
  expect(() => readBlob('x', datatype, shape, bytes)).toThrow(message)
})
