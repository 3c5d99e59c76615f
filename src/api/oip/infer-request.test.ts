import { expect, test } from 'vitest'
import { readInferRequest } from './infer-request.ts'

const X = { name: 'x', datatype: 'FP32', shape: [1, 2], data: [1, 2] }

function read(json: unknown, blob: Buffer = Buffer.alloc(0)) {
  const text = Buffer.from(typeof json === 'string' ? json : JSON.stringify(json))
  const headers = { 'inference-header-content-length': String(text.length) }
  return readInferRequest(headers, Buffer.concat([text, blob]))
}

const withInput = (change: object) => ({ inputs: [{ ...X, ...change }] })

test.for([
  ['{', /body: not JSON/],
  ['[]', /body: expected a JSON object/],
  ['{"inputs":[]}', /inputs: expected an array of at least one tensor/],
  [{ inputs: [1] }, /inputs\.0: expected an object/],
  [withInput({ name: '' }), /inputs\.0\.name/],
  [withInput({ datatype: 'FLOAT' }), /inputs\.x\.datatype: expected FP32, .* got "FLOAT"/],
  [
    withInput({ shape: [99_999_999_999, 128] }),
    /inputs\.x\.shape: .* more than 2147483648 elements/,
  ],
  [withInput({ shape: [2 ** 53, 2] }), /inputs\.x\.shape: expected whole numbers/],
  [withInput({ shape: [-1, 2] }), /inputs\.x\.shape: expected whole numbers from 0 on, got -1/],
  [withInput({ shape: [1.5] }), /inputs\.x\.shape/],
  [withInput({ shape: 'two' }), /inputs\.x\.shape: expected an array/],
  [withInput({ shape: [3, 2] }), /shape \[3,2\] is 6 elements, got 2/],
  [withInput({ data: [1, '2'] }), /inputs\.x\.data\[1\]: expected a finite FP32, got "2"/],
  [withInput({ data: [1, null] }), /inputs\.x\.data\[1\]: expected a finite FP32, got null/],
  [withInput({ data: [1, 1e39] }), /inputs\.x\.data\[1\]: expected a finite FP32/],
  ['{"inputs":[{"name":"x","datatype":"FP64","shape":[1],"data":[1e999]}]}', /finite FP64/],
  [withInput({ data: [[1], [2]] }), /expected 1 elements along axis 0, got 2/],
  [withInput({ shape: [2, 2], data: [[1, 2], [3]] }), /expected 2 elements along axis 1, got 1/],
  [withInput({ data: [[1, [2]]] }), /inputs\.x\.data\[1\]: expected a finite FP32, got an array/],
  [withInput({ data: undefined }), /inputs\.x\.data: expected either data or/],
  [withInput({ datatype: 'INT8', data: [1, 128] }), /data\[1\]: expected an INT8, got 128/],
  [withInput({ datatype: 'UINT8', data: [1, -1] }), /data\[1\]: expected an UINT8, got -1/],
  [withInput({ datatype: 'INT32', data: [1, 1.5] }), /data\[1\]: expected an INT32, got 1\.5/],
  [withInput({ datatype: 'BOOL', data: [true, 2] }), /data\[1\]: expected true or false, got 2/],
  [withInput({ datatype: 'BYTES', data: ['a', 2] }), /data\[1\]: expected a text, got 2/],
  [withInput({ datatype: 'FP16' }), /FP16 has no JSON form/],
  [
    '{"inputs":[{"name":"x","datatype":"INT64","shape":[1],"data":[9223372036854775808]}]}',
    /data\[0\]: expected an INT64, got "9223372036854775808"/,
  ],
  [
    '{"inputs":[{"name":"x","datatype":"UINT64","shape":[1],"data":[-1]}]}',
    /data\[0\]: expected an UINT64, got -1/,
  ],
  [{ ...withInput({}), id: 7 }, /id: expected a text/],
  [{ ...withInput({}), parameters: { timeout: 'soon' } }, /parameters\.timeout/],
  [{ ...withInput({}), parameters: { sequence_id: 5 } }, /sequences are not supported/],
  [{ ...withInput({}), outputs: [{}] }, /outputs\.0\.name/],
] as const)('%j is refused', ([json, message]) => {
  expect(() => read(json)).toThrow(message)
})

const BINARY = { name: 'x', datatype: 'FP32', shape: [2], parameters: { binary_data_size: 8 } }

test.for([
  ['cut short', Buffer.alloc(7), /binary_data_size is 8, but the body has 7 bytes left/],
  ['with more behind it', Buffer.alloc(9), /body: 1 bytes behind the last binary tensor/],
] as const)('a binary tensor %s is refused', ([, blob, message]) => {
  expect(() => read({ inputs: [BINARY] }, blob)).toThrow(message)
})

test('a length of the JSON beyond the body is refused', () => {
  const headers = { 'inference-header-content-length': '99' }
  expect(() => readInferRequest(headers, Buffer.from('{}'))).toThrow(
    /inference-header-content-length/,
  )
})

test('nested and flat elements, whole numbers beyond 2^53 and bytes are read as they are', () => {
  const json =
    '{"id":"a","parameters":{"timeout":1500,"priority":3,"subject":"7"},"outputs":[{"name":"y"}],"inputs":[' +
    '{"name":"n","datatype":"FP32","shape":[2,1],"data":[[1.5],[2]]},' +
    '{"name":"i","datatype":"INT64","shape":[2],"data":[9007199254740993,-5]},' +
    '{"name":"b","datatype":"FP32","shape":[1],"parameters":{"binary_data_size":4}}]}'
  expect(read(json, Buffer.from('0000c03f', 'hex'))).toEqual({
    id: 'a',
    subject: '7',
    deadlineMs: 1.5,
    priority: 3,
    binary: false,
    outputs: [{ name: 'y', binary: false, classes: 0 }],
    inputs: [
      { name: 'n', datatype: 'FP32', shape: [2, 1], data: Float32Array.of(1.5, 2) },
      {
        name: 'i',
        datatype: 'INT64',
        shape: [2],
        data: BigInt64Array.of(9_007_199_254_740_993n, -5n),
      },
      { name: 'b', datatype: 'FP32', shape: [1], data: Float32Array.of(1.5) },
    ],
  })
})
