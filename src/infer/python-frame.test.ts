import { expect, test } from 'vitest'
import { decodeFrame, encodeFrame } from './python-frame.ts'

const TENSORS = [
  { name: 'x', datatype: 'FP32', shape: [2, 1], data: Float32Array.of(1.5, -2) },
  { name: 'plan', datatype: 'BYTES', shape: [2], data: ['gold', 'früh'] },
  { name: 'n', datatype: 'INT64', shape: [1], data: BigInt64Array.of(2n ** 60n) },
] as const

test('tensors come back from a frame as they went in, once it is whole', () => {
  const bytes = encodeFrame({ kind: 'tensors' }, TENSORS)
  for (const length of [0, 3, 4, 40, bytes.length - 1])
    expect(decodeFrame(bytes.subarray(0, length))).toBeUndefined()
  const after = Buffer.from('next')
  const decoded = decodeFrame(Buffer.concat([bytes, after]))
  expect(decoded).toEqual({ frame: { kind: 'tensors', outputs: TENSORS }, rest: after })
})

test.each([
  ['no JSON', Buffer.from('\0\0\0\u0001{'), /JSON/],
  ['a header without end', Buffer.from([255, 255, 255, 255]), /a header of 4294967295 bytes/],
  ['an unknown kind', encodeFrame({ kind: 'hello' }), /kind/],
  [
    'fewer numbers than the shape says',
    encodeFrame({ kind: 'tensors' }, [
      { name: 'x', datatype: 'FP32', shape: [3], data: Float32Array.of(1) },
    ]),
    /x: 1 elements of shape \[3\]/,
  ],
])('%s is no frame', (_, bytes, message) => {
  expect(() => decodeFrame(bytes)).toThrow(message)
})
