import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { GyreError } from '../errors.ts'
import { encodeOnnx, type OnnxFile } from './onnx-writer.ts'
import { inspectOnnx } from './onnx.ts'

const bytes = (base64: string) => new Uint8Array(Buffer.from(base64, 'base64'))

// The first three were written by the Python package onnx 1.19.0 with onnx.helper.
/** y = Gemm(x, w, b): x float [batch, 4], ids int64 [?, 1], y double [batch, 2]; w is input and initializer. */
const GEMM = bytes(
  'CAgSBnB5dGVzdDq1AQoSCgF4CgF3CgFiEgF5IgRHZW1tEgFnKisIBAgCEAEiIAAAgD8AAIA/AACAPwAAgD8AAIA/AACAPwAAgD8AAIA/QgF3KhEIAhABIggAAAAAAACAP0IBYloYCgF4EhMKEQgBEg0KBxIFYmF0Y2gKAggEWhMKAXcSDgoMCAESCAoCCAQKAggCWhMKA2lkcxIMCgoIBxIGCgAKAggBYhgKAXkSEwoRCAsSDQoHEgViYXRjaAoCCAJCBAoAEBFCDgoKYWkub25ueC5tbBADcgwKBmF1dGhvchICbWU=',
)
/** A Constant node whose tensor lies in ../../etc/passwd. */
const EXTERNAL_CONSTANT = bytes(
  'CAg6WApCEgF5IghDb25zdGFudCozCgV2YWx1ZSonCAEQAUIBd2ocCghsb2NhdGlvbhIQLi4vLi4vZXRjL3Bhc3N3ZHABoAEEEgFnYg8KAXkSCgoICAESBAoCCAFCAhAY',
)
/** An initializer that lies there. */
const EXTERNAL_INITIALIZER = bytes(
  'CAg6TwoQCgF3EgF5IghJZGVudGl0eRIBZyonCAEQAUIBd2ocCghsb2NhdGlvbhIQLi4vLi4vZXRjL3Bhc3N3ZHABYg8KAXkSCgoICAESBAoCCAFCAhAY',
)

const DOUBLING: OnnxFile = {
  name: 'doubling',
  inputs: [{ name: 'x', shape: ['rows', 3] }],
  outputs: [{ name: 'y', shape: ['rows', 3] }],
  nodes: [{ operator: 'Add', inputs: ['x', 'x'], outputs: ['y'] }],
  constants: [],
  opsets: { '': 17 },
  metadata: {},
}

describe('bytes that are not a model are refused', () => {
  test.each<[string, Uint8Array, RegExp]>([
    ['nothing', new Uint8Array(), /^model: expected 1 to/],
    ['text', new TextEncoder().encode('not a model at all'), /^model: /],
    ['a cut file', GEMM.subarray(0, 150), /^model: expected an ONNX file/],
    ['a model without a graph', Uint8Array.of(8, 8), /^model\.opsetImport: /],
    ['weights in another file', EXTERNAL_INITIALIZER, /^model\.graph\.initializer\.0: .*inside/],
    ['a constant in another file', EXTERNAL_CONSTANT, /^model\.graph\.node\.0\.attribute\.0\.t: /],
    [
      'an output without a name',
      encodeOnnx(withOutput('', ['rows'])),
      /^model\.graph\.output\.0\.name/,
    ],
    [
      'a size below zero',
      encodeOnnx(withOutput('y', [-2])),
      /^model\.graph\.output\.0\.type\.tensorType/,
    ],
    [
      '33 dimensions',
      encodeOnnx(
        withOutput(
          'y',
          Array.from({ length: 33 }, () => 1),
        ),
      ),
      /shape\.dim/,
    ],
    ['200 graphs inside each other', nested(200), /^model: expected an ONNX file/],
  ])('%s', (_, file, message) => {
    expect(() => inspectOnnx(file)).toThrow(message)
    expect(() => inspectOnnx(file)).toThrow(expect.objectContaining({ code: 'INVALID_INPUT' }))
  })

  test('whatever the bytes, the answer is a summary or INVALID_INPUT', () => {
    const damaged = fc
      .tuple(fc.nat(GEMM.length - 1), fc.integer({ min: 0, max: 255 }))
      .map(([at, byte]) => GEMM.with(at, byte))
    fc.assert(
      fc.property(fc.oneof(damaged, fc.uint8Array({ maxLength: 200 })), (file) => {
        const { thrown } = attempt(file)
        expect(thrown === undefined || thrown instanceof GyreError).toBe(true)
      }),
      { numRuns: 500 },
    )
  })
})

test('a file of the onnx package is read: constants are no inputs, unnamed sizes vary', () => {
  expect(inspectOnnx(GEMM)).toEqual({
    inputs: [
      { name: 'x', datatype: 'FP32', shape: [-1, 4] },
      { name: 'ids', datatype: 'INT64', shape: [-1, 1] },
    ],
    outputs: [{ name: 'y', datatype: 'FP64', shape: [-1, 2] }],
    operators: { y: 'Gemm' },
    opsets: { '': 17, 'ai.onnx.ml': 3 },
    producer: 'pytest',
    weights: [],
    metadata: { author: 'me' },
  })
})

test('what is written reads back, and the same file gives the same bytes', () => {
  const file = { ...DOUBLING, metadata: { note: 'grüße', empty: '' } }
  const summary = inspectOnnx(encodeOnnx(file))
  expect(summary.metadata).toEqual({ note: 'grüße', empty: '' })
  expect(summary.inputs).toEqual([{ name: 'x', datatype: 'FP32', shape: [-1, 3] }])
  expect(encodeOnnx(file)).toEqual(encodeOnnx(file))
})

function withOutput(name: string, shape: readonly (number | string)[]): OnnxFile {
  return { ...DOUBLING, outputs: [{ name, shape }] }
}

/** Graph in attribute in node in graph …: fields 6, 5 and 1, and 7 of the model around them. */
function nested(depth: number): Uint8Array {
  let graph = new Uint8Array()
  for (let level = 0; level < depth; level++)
    graph = lengthDelimited(1, lengthDelimited(5, lengthDelimited(6, graph)))
  return lengthDelimited(7, graph)
}

function lengthDelimited(field: number, content: Uint8Array): Uint8Array<ArrayBuffer> {
  const head = [(field << 3) | 2]
  let size = content.length
  for (; size > 127; size >>>= 7) head.push((size & 127) | 128)
  return Uint8Array.of(...head, size, ...content)
}

function attempt(file: Uint8Array): { readonly thrown?: unknown } {
  try {
    inspectOnnx(file)
    return {}
  } catch (thrown) {
    return { thrown }
  }
}
