import { GyreError, invalidInput } from '../errors.ts'
import { readProtoText } from './proto-text.ts'
import { MODEL_CONFIG, tritonFields, type TritonFields } from './triton-fields.ts'

/** Which of the numbered folders answer. */
export type VersionPolicy =
  | { readonly kind: 'latest'; readonly count: number }
  | { readonly kind: 'all' }
  | { readonly kind: 'specific'; readonly versions: readonly number[] }

/** A tensor as the configuration declares it. */
export interface DeclaredTensor {
  readonly name: string
  /** `FP32`; BYTES where Triton says STRING. */
  readonly datatype: string
}

/** What of a `config.pbtxt` is honoured. */
export interface TritonConfig {
  readonly policy: VersionPolicy
  /** The most rows of a run, 0 = the first axis counts no rows; undefined where it is not said. */
  readonly maxBatch: number | undefined
  /** How requests wait for company; undefined where it is not said. */
  readonly batching:
    | { readonly preferredRows: readonly number[]; readonly maxDelayUs: number }
    | undefined
  /** On how many workers the model lies; undefined where it is not said. */
  readonly workers: number | undefined
  readonly modelFile: string
  readonly inputs: readonly DeclaredTensor[]
  readonly outputs: readonly DeclaredTensor[]
  /** What is said and changes no answer, and is not done. */
  readonly notes: readonly string[]
}

const MODEL_FILE = 'model.onnx'

/** A model without a `config.pbtxt`: the newest version, and the rest found out from its file. */
export const AUTO_COMPLETED: TritonConfig = {
  policy: { kind: 'latest', count: 1 },
  maxBatch: undefined,
  batching: undefined,
  workers: undefined,
  modelFile: MODEL_FILE,
  inputs: [],
  outputs: [],
  notes: [],
}

/** Settings that would change what is answered, or who is, and why they cannot be had. */
const REFUSED: Readonly<Record<string, string>> = {
  sequence_batching: 'requests are answered one by one, without a state between them',
  ensemble_scheduling: 'a model is one graph',
  batch_input: 'a graph gets what its callers send',
  batch_output: 'a graph gives what its callers get',
  cc_model_filenames: 'every machine runs the same file',
  model_operations: 'libraries of operators are not loaded',
  model_repository_agents: 'the files are read as they lie',
  runtime: 'there is one, onnxruntime',
}

/** Settings that change no answer. */
const IGNORED: readonly string[] = [
  'optimization',
  'parameters',
  'metric_tags',
  'model_warmup',
  'response_cache',
  'model_metrics',
]

/**
 * Reads the `config.pbtxt` of a model that lies in the folder `model`. Throws INVALID_INPUT naming the file and the
 * setting, for what Triton refuses, and for what would change answers and cannot be honoured.
 */
export function readTritonConfig(text: string, model: string): TritonConfig {
  try {
    return configOf(tritonFields(readProtoText(text), MODEL_CONFIG), model)
  } catch (thrown) {
    if (!(thrown instanceof GyreError)) throw thrown
    const { code, message, details } = thrown
    throw new GyreError(code, `${model}/config.pbtxt: ${message}`, details, thrown)
  }
}

function configOf(config: TritonFields, model: string): TritonConfig {
  for (const name of config.names) {
    const why = REFUSED[name]
    if (why !== undefined) throw config.refuse(name, why)
  }
  const name = config.text('name') ?? model
  if (name !== model) throw invalidInput('name', `expected ${model} as its folder, got ${name}`)
  assertOnnx(config)
  if (config.message('model_transaction_policy')?.flag('decoupled'))
    throw invalidInput('model_transaction_policy.decoupled', 'cannot be honoured: one answer each')
  const maxBatch = config.count('max_batch_size')
  const inputs = config.messages('input')
  const outputs = config.messages('output')
  return {
    policy: policyOf(config.message('version_policy')),
    maxBatch,
    batching: batchingOf(config.message('dynamic_batching'), maxBatch),
    workers: workersOf(config.messages('instance_group')),
    modelFile: modelFileOf(config),
    inputs: inputs.map(declared),
    outputs: outputs.map(declared),
    notes: [
      ...config.names.filter((one) => IGNORED.includes(one)).map((one) => `${one}: not done here`),
      ...outputs
        .filter((output) => (output.text('label_filename') ?? '') !== '')
        .map(() => 'output.label_filename: classes are told by their index'),
      ...config
        .messages('instance_group')
        .filter((group) => group.word('kind') === 'KIND_GPU')
        .map(() => 'instance_group.kind: KIND_GPU runs on the processor'),
    ],
  }
}

function assertOnnx(config: TritonFields): void {
  const backend = config.text('backend') ?? ''
  if (backend !== '' && backend !== 'onnxruntime')
    throw config.refuse('backend', `only onnxruntime is served, got ${backend}`)
  const platform = config.text('platform') ?? ''
  if (platform !== '' && platform !== 'onnxruntime_onnx')
    throw config.refuse('platform', `only onnxruntime_onnx is served, got ${platform}`)
}

function modelFileOf(config: TritonFields): string {
  const file = config.text('default_model_filename') || MODEL_FILE
  if (!/[/\\]/.test(file) && file !== '.' && file !== '..') return file
  throw invalidInput('default_model_filename', `expected the name of a file, got ${file}`)
}

function policyOf(policy: TritonFields | undefined): VersionPolicy {
  const [first, second] = policy?.names ?? []
  if (second !== undefined) throw invalidInput('version_policy', 'expected one policy')
  if (!policy || first === undefined) return AUTO_COMPLETED.policy
  if (first === 'all') return { kind: 'all' }
  if (first === 'specific') {
    const versions = policy.message('specific')?.integers('versions') ?? []
    const odd = versions.find((version) => version < 1)
    if (odd === undefined && versions.length > 0) return { kind: 'specific', versions }
    throw invalidInput('version_policy.specific.versions', `expected versions from 1`)
  }
  const count = policy.message('latest')?.count('num_versions') ?? 1
  if (count > 0) return { kind: 'latest', count }
  throw invalidInput('version_policy.latest.num_versions', 'expected at least 1')
}

function batchingOf(
  batching: TritonFields | undefined,
  maxBatch: number | undefined,
): TritonConfig['batching'] {
  if (!batching) return undefined
  if (
    (batching.count('priority_levels') ?? 0) > 0 ||
    batching.names.includes('priority_queue_policy')
  )
    throw batching.refuse('priority_levels', 'requests are answered in the order they came')
  if (batching.names.includes('default_queue_policy'))
    throw batching.refuse('default_queue_policy', 'a request says its own time-out')
  const preferredRows = batching.counts('preferred_batch_size')
  const odd = preferredRows.find((rows) => rows < 1 || rows > (maxBatch ?? Infinity))
  if (odd !== undefined)
    throw invalidInput(
      'dynamic_batching.preferred_batch_size',
      `expected 1 to max_batch_size, ${maxBatch ?? 'which is not said'}, got ${odd}`,
    )
  const maxDelayUs = batching.count('max_queue_delay_microseconds') ?? 0
  return { preferredRows: [...new Set(preferredRows)].toSorted((a, b) => a - b), maxDelayUs }
}

function workersOf(groups: readonly TritonFields[]): number | undefined {
  const passive = groups.find((group) => group.flag('passive'))
  if (passive) throw passive.refuse('passive', 'every instance answers')
  if (groups.length === 0) return undefined
  return groups.reduce((sum, group) => sum + Math.max(1, group.count('count') ?? 1), 0)
}

function declared(tensor: TritonFields): DeclaredTensor {
  if (tensor.names.includes('reshape'))
    throw tensor.refuse('reshape', 'a tensor goes to the graph in the shape that it was sent in')
  for (const flag of [
    'is_shape_tensor',
    'allow_ragged_batch',
    'optional',
    'is_non_linear_format_io',
  ])
    if (tensor.names.includes(flag) && tensor.flag(flag))
      throw tensor.refuse(flag, 'the graph gets every tensor as it was sent')
  const type = tensor.word('data_type') ?? ''
  const datatype = type.replace(/^TYPE_/, '').replace(/^STRING$/, 'BYTES')
  return { name: tensor.text('name') ?? '', datatype }
}
