import protobuf from 'protobufjs/light.js'
import type { Datatype } from '../tensor.ts'

type Fields = Readonly<Record<string, protobuf.IField>>

/** The part of the ONNX format that Gyre writes. Field numbers: github.com/onnx/onnx, onnx/onnx.proto. */
const WRITTEN: Readonly<Record<string, Fields>> = {
  Model: {
    irVersion: one(1, 'int64'),
    producerName: one(2, 'string'),
    producerVersion: one(3, 'string'),
    graph: one(7, 'Graph'),
    opsetImport: many(8, 'OperatorSet'),
    metadataProps: many(14, 'Property'),
  },
  OperatorSet: { domain: one(1, 'string'), version: one(2, 'int64') },
  Property: { key: one(1, 'string'), value: one(2, 'string') },
  Graph: {
    node: many(1, 'Node'),
    name: one(2, 'string'),
    initializer: many(5, 'Tensor'),
    input: many(11, 'Value'),
    output: many(12, 'Value'),
  },
  Node: {
    input: many(1, 'string'),
    output: many(2, 'string'),
    name: one(3, 'string'),
    opType: one(4, 'string'),
    attribute: many(5, 'Attribute'),
    domain: one(7, 'string'),
  },
  Attribute: {
    name: one(1, 'string'),
    f: one(2, 'float'),
    i: one(3, 'int64'),
    s: one(4, 'bytes'),
    t: one(5, 'Tensor'),
    floats: many(7, 'float'),
    ints: many(8, 'int64'),
    strings: many(9, 'bytes'),
    type: one(20, 'int32'),
  },
  Tensor: {
    dims: many(1, 'int64'),
    dataType: one(2, 'int32'),
    name: one(8, 'string'),
    rawData: one(9, 'bytes'),
  },
  Value: { name: one(1, 'string'), type: one(2, 'Type') },
  Type: { tensorType: one(1, 'TensorType') },
  TensorType: { elemType: one(1, 'int32'), shape: one(2, 'Shape') },
  Shape: { dim: many(1, 'Dimension') },
  Dimension: { dimValue: one(1, 'int64'), dimParam: one(2, 'string') },
}

/**
 * The part that is read to judge a file from outside: no weights, and no attributes but those in which a
 * tensor can hide. Everything else is skipped unread, so a model of gigabytes costs no memory.
 */
const READ: Readonly<Record<string, Fields>> = {
  ...WRITTEN,
  Model: { ...WRITTEN['Model'], functions: many(25, 'Function') },
  Function: { node: many(7, 'Node') },
  Graph: { ...WRITTEN['Graph'], sparseInitializer: many(15, 'SparseTensor') },
  Node: { output: many(2, 'string'), opType: one(4, 'string'), attribute: many(5, 'Attribute') },
  Attribute: {
    t: one(5, 'Tensor'),
    g: one(6, 'Graph'),
    tensors: many(10, 'Tensor'),
    graphs: many(11, 'Graph'),
    sparseTensor: one(22, 'SparseTensor'),
    sparseTensors: many(23, 'SparseTensor'),
  },
  SparseTensor: { values: one(1, 'Tensor'), indices: one(2, 'Tensor') },
  Tensor: {
    name: one(8, 'string'),
    externalData: many(13, 'Property'),
    dataLocation: one(14, 'int32'),
  },
}

/** An ONNX file as it is written. */
export const WrittenModel = modelType(WRITTEN)

/** What `inspectOnnx` reads of an ONNX file. */
export const ReadModel = modelType(READ)

/** TensorProto.DataType and its name in the Open Inference Protocol, where it has one. */
export const ONNX_DATATYPES: ReadonlyMap<number, Datatype> = new Map([
  [1, 'FP32'],
  [2, 'UINT8'],
  [3, 'INT8'],
  [4, 'UINT16'],
  [5, 'INT16'],
  [6, 'INT32'],
  [7, 'INT64'],
  [8, 'BYTES'],
  [9, 'BOOL'],
  [10, 'FP16'],
  [11, 'FP64'],
  [12, 'UINT32'],
  [13, 'UINT64'],
  [16, 'BF16'],
])

function modelType(messages: Readonly<Record<string, Fields>>): protobuf.Type {
  const nested = Object.fromEntries(
    Object.entries(messages).map(([name, fields]) => [name, { fields: { ...fields } }]),
  )
  return protobuf.Root.fromJSON({ nested }).lookupType('Model')
}

function one(id: number, type: string): protobuf.IField {
  return { id, type }
}

function many(id: number, type: string): protobuf.IField {
  return { id, type, rule: 'repeated' }
}
