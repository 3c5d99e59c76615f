import { WrittenModel } from './onnx-proto.ts'

/** A constant of a graph, row-major. */
export interface OnnxTensor {
  readonly name: string
  readonly shape: readonly number[]
  readonly data: Float32Array | Float64Array
}

/** The value of a node's attribute; its tag is its ONNX type. */
export type OnnxAttribute =
  | { readonly type: 'float'; readonly value: number }
  | { readonly type: 'int'; readonly value: number }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'tensor'; readonly value: OnnxTensor }
  | { readonly type: 'floats'; readonly value: ArrayLike<number> }
  | { readonly type: 'ints'; readonly value: ArrayLike<number> }
  | { readonly type: 'strings'; readonly value: readonly string[] }

export interface OnnxNode {
  readonly operator: string
  /** Left out for the operators of ONNX itself. */
  readonly domain?: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes?: Readonly<Record<string, OnnxAttribute>>
}

/** A float32 input or output of a graph; a name in its shape is a dimension that varies. */
interface OnnxFloats {
  readonly name: string
  readonly shape: readonly (number | string)[]
}

export interface OnnxFile {
  readonly name: string
  readonly inputs: readonly OnnxFloats[]
  readonly outputs: readonly OnnxFloats[]
  /** In an order in which every input is known before it is used. */
  readonly nodes: readonly OnnxNode[]
  readonly constants: readonly OnnxTensor[]
  /** Version of each operator set by domain; '' is ONNX itself. */
  readonly opsets: Readonly<Record<string, number>>
  readonly metadata: Readonly<Record<string, string>>
}

/** ONNX 1.8's: old enough for every runtime in use, and the first that fits ai.onnx.ml 3's tensors. */
const IR_VERSION = 8

const [FLOAT, DOUBLE] = [1, 11]

/** The bytes of an ONNX file; the same graph gives the same bytes. */
export function encodeOnnx(file: OnnxFile): Uint8Array {
  const model = {
    irVersion: IR_VERSION,
    producerName: 'gyre',
    graph: {
      name: file.name,
      node: file.nodes.map(nodeMessage),
      initializer: file.constants.map(tensorMessage),
      input: file.inputs.map(valueMessage),
      output: file.outputs.map(valueMessage),
    },
    opsetImport: Object.entries(file.opsets).map(([domain, version]) => ({ domain, version })),
    metadataProps: Object.entries(file.metadata).map(([key, value]) => ({ key, value })),
  }
  return WrittenModel.encode(model).finish()
}

function nodeMessage({ operator, domain = '', inputs, outputs, attributes = {} }: OnnxNode) {
  return {
    name: outputs[0],
    opType: operator,
    domain,
    input: inputs,
    output: outputs,
    attribute: Object.entries(attributes).map(([name, attribute]) => ({
      name,
      ...attributeMessage(attribute),
    })),
  }
}

/** Type numbers: AttributeProto.AttributeType. */
function attributeMessage(attribute: OnnxAttribute) {
  switch (attribute.type) {
    case 'float':
      return { type: 1, f: attribute.value }
    case 'int':
      return { type: 2, i: attribute.value }
    case 'string':
      return { type: 3, s: Buffer.from(attribute.value) }
    case 'tensor':
      return { type: 4, t: tensorMessage(attribute.value) }
    case 'floats':
      return { type: 6, floats: attribute.value }
    case 'ints':
      return { type: 7, ints: attribute.value }
    case 'strings':
      return { type: 8, strings: attribute.value.map((text) => Buffer.from(text)) }
  }
}

function tensorMessage({ name, shape, data }: OnnxTensor) {
  const isFloat = data instanceof Float32Array
  const rawData = new Uint8Array(data.length * (isFloat ? 4 : 8))
  const view = new DataView(rawData.buffer)
  for (const [index, value] of data.entries()) {
    if (isFloat) view.setFloat32(index * 4, value, true)
    else view.setFloat64(index * 8, value, true)
  }
  return { name, dims: shape, dataType: isFloat ? FLOAT : DOUBLE, rawData }
}

function valueMessage({ name, shape }: OnnxFloats) {
  const dim = shape.map((size) =>
    typeof size === 'string' ? { dimParam: size } : { dimValue: size },
  )
  return { name, type: { tensorType: { elemType: FLOAT, shape: { dim } } } }
}
