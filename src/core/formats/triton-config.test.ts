import { expect, test } from 'vitest'
import { AUTO_COMPLETED, readTritonConfig } from './triton-config.ts'

test.each([
  ['sequence_batching { }', 'sequence_batching: cannot be honoured'],
  ['ensemble_scheduling { step [ ] }', 'ensemble_scheduling: cannot be honoured'],
  ['model_transaction_policy { decoupled: True }', 'model_transaction_policy.decoupled: cannot'],
  ['backend: "python"', 'backend: cannot be honoured: only onnxruntime is served, got python'],
  ['platform: "tensorrt_plan"', 'platform: cannot be honoured'],
  ['input { name: "x" reshape { shape: [ 1, 3 ] } }', 'input.reshape: cannot be honoured'],
  ['input { name: "x" allow_ragged_batch: true }', 'input.allow_ragged_batch: cannot'],
  ['dynamic_batching { priority_levels: 2 }', 'dynamic_batching.priority_levels: cannot'],
  [
    'dynamic_batching { preferred_batch_size: [ 0 ] }',
    'dynamic_batching.preferred_batch_size: expected 1',
  ],
  [
    'max_batch_size: 4 dynamic_batching { preferred_batch_size: 8 }',
    'expected 1 to max_batch_size, 4',
  ],
  ['max_batch_size: -1', 'max_batch_size: line 1: expected a whole number from 0'],
  ['max_batch_size: "8"', 'max_batch_size: line 1: expected a value without quotes'],
  ['max_batch_size: 8\nmax_batch_size: 4', 'max_batch_size: line 2: given twice'],
  ['max_batch: 8', 'max_batch: line 1: Triton has no such setting'],
  ['instance_group [ { number: 2 } ]', 'instance_group.number: line 1: Triton has no such'],
  ['instance_group 2', 'line 1: expected ":"'],
  ['name: "other"', 'name: expected churn as its folder, got other'],
  ['version_policy { latest { num_versions: 0 } }', 'version_policy.latest.num_versions'],
  ['version_policy { specific { } }', 'version_policy.specific.versions'],
  ['version_policy { all { } latest { } }', 'version_policy: expected one policy'],
  ['default_model_filename: "../../secret"', 'default_model_filename: expected the name of a file'],
])('%s is refused by file and setting', (text, message) => {
  const read = () => readTritonConfig(text, 'churn')
  expect(read).toThrow('churn/config.pbtxt: ')
  expect(read).toThrow(message)
})

test('an empty file is as none', () => {
  expect(readTritonConfig('# nothing', 'churn')).toEqual(AUTO_COMPLETED)
})

test('what is honoured, and what is only noted', () => {
  const text = `
    name: "churn"
    platform: "onnxruntime_onnx"
    max_batch_size : 16
    input [ { name: "features" data_type: TYPE_FP32 format: FORMAT_NONE dims: [ 3 ] } ]
    output [
      { name: "label" data_type: TYPE_STRING dims: [ 1 ] label_filename: "labels.txt" },
      { name: "probability" data_type: TYPE_FP32 dims: [ 1 ] }
    ]
    version_policy: { specific { versions: [ 1, 3 ] } }
    dynamic_batching { preferred_batch_size: [ 8, 4 ] max_queue_delay_microseconds: 100 }
    instance_group [ { count: 2 kind: KIND_CPU }, { kind: KIND_GPU gpus: [ 0 ] } ]
    default_model_filename: "churn.onnx"
    parameters { key: "intra_op_thread_count" value: { string_value: "1" } }`
  expect(readTritonConfig(text, 'churn')).toEqual({
    policy: { kind: 'specific', versions: [1, 3] },
    maxBatch: 16,
    batching: { preferredRows: [4, 8], maxDelayUs: 100 },
    workers: 3,
    modelFile: 'churn.onnx',
    inputs: [{ name: 'features', datatype: 'FP32' }],
    outputs: [
      { name: 'label', datatype: 'BYTES' },
      { name: 'probability', datatype: 'FP32' },
    ],
    notes: [
      'parameters: not done here',
      'output.label_filename: classes are told by their index',
      'instance_group.kind: KIND_GPU runs on the processor',
    ],
  })
})

test.each([
  ['version_policy: { latest: { num_versions: 2 } }', { kind: 'latest', count: 2 }],
  ['version_policy { latest { } }', { kind: 'latest', count: 1 }],
  ['version_policy { all {} }', { kind: 'all' }],
])('%s', (text, policy) => {
  expect(readTritonConfig(text, 'churn').policy).toEqual(policy)
})
