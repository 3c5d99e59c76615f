import { expect, test } from 'vitest'
import { readGrpcInfer, writeGrpcInfer } from './grpc-infer.ts'
import { codecOf } from './grpc-proto.ts'

const codec = codecOf('InferRequest')
const X = { name: 'x', datatype: 'FP32', shape: [1, 2], contents: { fp32_contents: [1.5, 2] } }

const read = (message: object) => readGrpcInfer(codec.decode(codec.encode(message)), () => false)

test.for([
  [{}, /inputs: expected at least one tensor/],
  [{ inputs: [{ ...X, datatype: 'FLOAT' }] }, /inputs\.x\.datatype/],
  [{ inputs: [{ ...X, shape: [2, 2] }] }, /shape \[2,2\] is 4 elements, got 2/],
  [
    { inputs: [{ ...X, shape: [-1, 2] }] },
    /inputs\.x\.shape: expected whole numbers from 0 on, got -1/,
  ],
  [{ inputs: [{ ...X, shape: ['9223372036854775807'] }] }, /inputs\.x\.shape/],
  [{ inputs: [{ ...X, contents: { fp64_contents: [1, 2] } }] }, /is 2 elements, got 0/],
  [
    { inputs: [{ ...X, contents: { fp32_contents: [1, Number.NaN] } }] },
    /data\[1\]: expected a finite FP32/,
  ],
  [
    { inputs: [X], raw_input_contents: [Buffer.alloc(8)] },
    /inputs\.0\.contents: raw_input_contents are there/,
  ],
  [
    {
      inputs: [{ ...X, contents: undefined }],
      raw_input_contents: [Buffer.alloc(8), Buffer.alloc(8)],
    },
    /raw_input_contents: expected one for each of 1 inputs, got 2/,
  ],
  [
    { inputs: [{ ...X, contents: undefined }], raw_input_contents: [Buffer.alloc(7)] },
    /inputs\.x: FP32 \[1,2\] is 8 bytes, got 7/,
  ],
  [
    {
      inputs: [
        {
          name: 'x',
          datatype: 'BYTES',
          shape: [1],
          contents: { bytes_contents: [Buffer.of(255)] },
        },
      ],
    },
    /bytes_contents: expected UTF-8/,
  ],
] as const)('%# is refused', ([message, says]) => {
  expect(() => read(message)).toThrow(says)
})

test('typed and raw contents are read alike, whole numbers of 64 bits exactly', () => {
  const longs = { name: 'n', datatype: 'INT64', shape: [2] }
  const typed = read({
    model_name: 'm',
    parameters: { timeout: { int64_param: 1_500 }, priority: { uint64_param: 0 } },
    inputs: [{ ...longs, contents: { int64_contents: ['9007199254740993', -5] } }],
  })
  expect(typed).toEqual({
    model: 'm',
    version: undefined,
    request: {
      id: undefined,
      inputs: [{ ...longs, data: BigInt64Array.of(9_007_199_254_740_993n, -5n) }],
      outputs: undefined,
      binary: false,
      subject: undefined,
      deadlineMs: 1.5,
      priority: undefined,
    },
  })
  const raw = Buffer.from(BigInt64Array.of(9_007_199_254_740_993n, -5n).buffer)
  const same = read({ inputs: [longs], raw_input_contents: [raw] })
  expect(same.request.inputs).toEqual(typed.request.inputs)
})

test('a reply says model, version and id, its outputs are raw, and one that is not there is refused', () => {
  const asked = read({ model_name: 'm', id: '7', inputs: [X], outputs: [{ name: 'y' }] })
  const y = { name: 'y', datatype: 'FP32', shape: [1], data: Float32Array.of(1.5) } as const
  const reply = codecOf('InferReply')
  expect(reply.decode(reply.encode(writeGrpcInfer(asked, '3', [y])))).toEqual({
    model_name: 'm',
    model_version: '3',
    id: '7',
    outputs: [{ name: 'y', datatype: 'FP32', shape: [1] }],
    raw_output_contents: [Buffer.from('0000c03f', 'hex')],
  })
  expect(() => writeGrpcInfer(asked, '3', [{ ...y, name: 'z' }])).toThrow(
    /outputs\.y: no such output; the model gives z/,
  )
})
