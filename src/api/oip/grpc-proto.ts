import protobuf from 'protobufjs/light.js'

type Fields = Readonly<Record<string, protobuf.IField | protobuf.IMapField>>

/**
 * Field numbers: github.com/kserve/open-inference-protocol, specification/protocol/open_inference_grpc.proto; those of
 * statistics: github.com/triton-inference-server/common, protobuf/grpc_service.proto.
 */
const MESSAGES: Readonly<Record<string, Fields>> = {
  Nothing: {},
  Live: { live: one(1, 'bool') },
  Ready: { ready: one(1, 'bool') },
  Model: { name: one(1, 'string'), version: one(2, 'string') },
  ServerMetadata: {
    name: one(1, 'string'),
    version: one(2, 'string'),
    extensions: many(3, 'string'),
  },
  ModelMetadata: {
    name: one(1, 'string'),
    versions: many(2, 'string'),
    platform: one(3, 'string'),
    inputs: many(4, 'TensorMetadata'),
    outputs: many(5, 'TensorMetadata'),
  },
  TensorMetadata: {
    name: one(1, 'string'),
    datatype: one(2, 'string'),
    shape: many(3, 'int64'),
  },
  IndexRequest: { repository_name: one(1, 'string'), ready: one(2, 'bool') },
  Index: { models: many(1, 'IndexedModel') },
  IndexedModel: {
    name: one(1, 'string'),
    version: one(2, 'string'),
    state: one(3, 'string'),
    reason: one(4, 'string'),
  },
  Statistics: { model_stats: many(1, 'VersionStatistics') },
  VersionStatistics: {
    name: one(1, 'string'),
    version: one(2, 'string'),
    last_inference: one(3, 'uint64'),
    inference_count: one(4, 'uint64'),
    execution_count: one(5, 'uint64'),
    inference_stats: one(6, 'InferenceStatistics'),
    batch_stats: many(7, 'BatchStatistics'),
  },
  InferenceStatistics: {
    success: one(1, 'Duration'),
    fail: one(2, 'Duration'),
    queue: one(3, 'Duration'),
    compute_input: one(4, 'Duration'),
    compute_infer: one(5, 'Duration'),
    compute_output: one(6, 'Duration'),
    cache_hit: one(7, 'Duration'),
    cache_miss: one(8, 'Duration'),
  },
  BatchStatistics: {
    batch_size: one(1, 'uint64'),
    compute_input: one(2, 'Duration'),
    compute_infer: one(3, 'Duration'),
    compute_output: one(4, 'Duration'),
  },
  Duration: { count: one(1, 'uint64'), ns: one(2, 'uint64') },
  InferRequest: {
    model_name: one(1, 'string'),
    model_version: one(2, 'string'),
    id: one(3, 'string'),
    parameters: byName(4, 'Parameter'),
    inputs: many(5, 'Tensor'),
    outputs: many(6, 'RequestedOutput'),
    raw_input_contents: many(7, 'bytes'),
  },
  InferReply: {
    model_name: one(1, 'string'),
    model_version: one(2, 'string'),
    id: one(3, 'string'),
    parameters: byName(4, 'Parameter'),
    outputs: many(5, 'Tensor'),
    raw_output_contents: many(6, 'bytes'),
  },
  Tensor: {
    name: one(1, 'string'),
    datatype: one(2, 'string'),
    shape: many(3, 'int64'),
    parameters: byName(4, 'Parameter'),
    contents: one(5, 'Contents'),
  },
  RequestedOutput: { name: one(1, 'string'), parameters: byName(2, 'Parameter') },
  Parameter: {
    bool_param: one(1, 'bool'),
    int64_param: one(2, 'int64'),
    string_param: one(3, 'string'),
    double_param: one(4, 'double'),
    uint64_param: one(5, 'uint64'),
  },
  Contents: {
    bool_contents: many(1, 'bool'),
    int_contents: many(2, 'int32'),
    int64_contents: many(3, 'int64'),
    uint_contents: many(4, 'uint32'),
    uint64_contents: many(5, 'uint64'),
    fp32_contents: many(6, 'float'),
    fp64_contents: many(7, 'double'),
    bytes_contents: many(8, 'bytes'),
  },
}

const ROOT = protobuf.Root.fromJSON({
  nested: Object.fromEntries(
    Object.entries(MESSAGES).map(([name, fields]) => [name, { fields: { ...fields } }]),
  ),
})

/** How a message travels. Whole numbers of 64 bits are numbers where they are safe, else their digits. */
export interface Codec {
  readonly encode: (message: object) => Buffer
  readonly decode: (bytes: Buffer) => unknown
}

export function codecOf(name: keyof typeof MESSAGES): Codec {
  const type = ROOT.lookupType(name)
  return {
    encode: (message) => Buffer.from(type.encode(message).finish()),
    decode: (bytes) => exact(type.toObject(type.decode(bytes), { longs: String })),
  }
}

const DIGITS = /^-?\d{1,20}$/
const LONG_FIELDS = new Set([
  'shape',
  'int64_param',
  'uint64_param',
  'int64_contents',
  'uint64_contents',
])

/** protobufjs gives every 64-bit number as its digits. */
function exact(value: unknown, isLong = false): unknown {
  if (Array.isArray(value)) return value.map((item) => exact(item, isLong))
  if (isLong && typeof value === 'string' && DIGITS.test(value))
    return Number.isSafeInteger(Number(value)) ? Number(value) : value
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, exact(item, LONG_FIELDS.has(name))]),
  )
}

function one(id: number, type: string): protobuf.IField {
  return { id, type }
}

function many(id: number, type: string): protobuf.IField {
  return { id, type, rule: 'repeated' }
}

function byName(id: number, type: string): protobuf.IMapField {
  return { id, type, keyType: 'string' }
}
