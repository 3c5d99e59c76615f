import { z } from 'zod'
import { GyreError } from '../errors.ts'
import type { TensorType } from '../tensor.ts'
import { ONNX_DATATYPES, ReadModel } from './onnx-proto.ts'

/** What an ONNX file says of itself. */
export interface OnnxSummary {
  readonly inputs: readonly TensorType[]
  readonly outputs: readonly TensorType[]
  /** The operator that each output comes from, by its name: `Softmax`. */
  readonly operators: Readonly<Record<string, string>>
  /** Version of each operator set by domain; '' is ONNX itself. */
  readonly opsets: Readonly<Record<string, number>>
  readonly producer: string
  readonly metadata: Readonly<Record<string, string>>
  /** The files beside it that hold weights of its; each is one of those it was allowed. */
  readonly weights: readonly string[]
}

/** The limit of protobuf itself. */
const MAX_BYTES = 2 ** 31 - 1

/** Far above any real model's; they keep a summary small and its checking quick. */
const [MAX_VALUES, MAX_RANK, MAX_NAME, MAX_TEXT] = [1024, 32, 1024, 1 << 20]

const Name = z.string().min(1).max(MAX_NAME)

const Value = z.object({
  name: Name,
  type: z.object({
    tensorType: z.object({
      elemType: z.int().refine((type) => ONNX_DATATYPES.has(type), { error: 'unknown datatype' }),
      shape: z.object({
        dim: z
          .array(z.object({ dimValue: z.int().min(0).optional() }))
          .max(MAX_RANK)
          .default([]),
      }),
    }),
  }),
})

const Property = z.object({ key: Name, value: z.string().max(MAX_TEXT).default('') })

const File = z.object({
  irVersion: z.int().min(1),
  producerName: z.string().max(MAX_NAME).default(''),
  opsetImport: z
    .array(z.object({ domain: z.string().max(MAX_NAME).default(''), version: z.int().min(1) }))
    .min(1)
    .max(MAX_VALUES),
  metadataProps: z.array(Property).max(MAX_VALUES).default([]),
  graph: z.object({
    node: z
      .array(
        z.object({
          opType: z.string().max(MAX_NAME).default(''),
          output: z.array(z.string()).default([]),
        }),
      )
      .default([]),
    initializer: z.array(z.object({ name: z.string().max(MAX_NAME).default('') })).default([]),
    input: z.array(Value).max(MAX_VALUES).default([]),
    output: z.array(Value).min(1).max(MAX_VALUES),
  }),
})

/**
 * Reads inputs, outputs, operator sets and metadata of an ONNX file without its weights and without running
 * anything. Only tensors may go in and out. Throws INVALID_INPUT naming the field when the bytes are not
 * such a model, when they nest too deeply, or when weights lie in a file that is not among `beside`: a path in a
 * model would be opened on the host that loads it.
 */
export function inspectOnnx(bytes: Uint8Array, beside: readonly string[] = []): OnnxSummary {
  const message = decode(bytes)
  const parsed = File.safeParse(message)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    const field = ['model', ...(issue?.path ?? [])].join('.')
    throw invalid(field, issue?.message ?? 'not an ONNX model', parsed.error)
  }
  const external = externalTensors(message, 'model')
  const stray = external.find(({ location }) => !beside.includes(location))
  if (stray)
    throw invalid(
      stray.field,
      `expected the weights inside the file or in one that was brought with it, not in ${JSON.stringify(stray.location)}`,
    )
  const { graph, opsetImport, producerName, metadataProps } = parsed.data
  const constants = new Set(graph.initializer.map(({ name }) => name))
  return {
    // Before IR version 4 the constants had to be listed among the inputs.
    inputs: graph.input.filter(({ name }) => !constants.has(name)).map(summarise),
    outputs: graph.output.map(summarise),
    operators: operatorsOf(graph),
    opsets: Object.fromEntries(opsetImport.map(({ domain, version }) => [domain, version])),
    producer: producerName,
    metadata: Object.fromEntries(metadataProps.map(({ key, value }) => [key, value])),
    weights: [...new Set(external.map(({ location }) => location))],
  }
}

function decode(bytes: Uint8Array): unknown {
  if (bytes.length === 0 || bytes.length > MAX_BYTES)
    throw invalid('model', `expected 1 to ${MAX_BYTES} bytes, not ${bytes.length}`)
  try {
    return ReadModel.toObject(ReadModel.decode(bytes), { longs: Number })
  } catch (cause) {
    throw invalid('model', 'expected an ONNX file, but the bytes do not parse', cause)
  }
}

function summarise({ name, type }: z.output<typeof Value>): TensorType {
  const { elemType, shape } = type.tensorType
  return {
    name,
    datatype: ONNX_DATATYPES.get(elemType) ?? 'BYTES',
    shape: shape.dim.map(({ dimValue }) => dimValue ?? -1),
  }
}

function operatorsOf({ node, output }: z.output<typeof File>['graph']): Record<string, string> {
  const names = new Set(output.map(({ name }) => name))
  const made = node.flatMap((one) => one.output.map((name) => [name, one.opType] as const))
  return Object.fromEntries(made.filter(([name]) => names.has(name)))
}

const Properties = z.array(z.object({ key: z.string(), value: z.string() }))

interface ExternalTensor {
  readonly field: string
  /** Empty where the tensor does not say. */
  readonly location: string
}

/** The tensors, at any depth, whose data lies outside the file. */
function externalTensors(value: unknown, field: string): readonly ExternalTensor[] {
  if (typeof value !== 'object' || value === null) return []
  if ('externalData' in value || ('dataLocation' in value && value.dataLocation !== 0)) {
    const properties = Properties.safeParse('externalData' in value ? value.externalData : [])
    const location = properties.data?.find(({ key }) => key === 'location')?.value ?? ''
    return [{ field, location }]
  }
  return Object.entries(value).flatMap(([key, inner]) => externalTensors(inner, `${field}.${key}`))
}

function invalid(field: string, expected: string, cause?: unknown): GyreError {
  return new GyreError('INVALID_INPUT', `${field}: ${expected}`, { field }, cause)
}
