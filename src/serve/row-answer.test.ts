import { expect, test } from 'vitest'
import type { Tensor } from '../core/tensor.ts'
import type { Graph } from '../infer/session.ts'
import { assertFinite, readAnswer } from './row-answer.ts'

const floats = (name: string, ...values: number[]): Tensor => ({
  name,
  datatype: 'FP32',
  shape: [1, values.length],
  data: Float32Array.from(values),
})
const LABEL: Tensor = { name: 'label', datatype: 'INT64', shape: [1], data: BigInt64Array.of(7n) }
const WORD: Tensor = { name: 'label', datatype: 'BYTES', shape: [1], data: ['cat'] }

function graphOf(operators: Graph['operators']): Graph {
  return { inputs: [], outputs: [], operators, batches: true, maxBatch: 32 }
}

// Probabilities of logits by scipy 1.17: softmax([1, 3]), expit(2).
test.for([
  [
    'a Sigmoid',
    { y: 'Sigmoid' },
    [floats('y', 0.75)],
    { prediction: 1, confidence: 0.75, score: 0.75 },
  ],
  [
    'a Sigmoid below',
    { y: 'Sigmoid' },
    [floats('y', 0.25)],
    { prediction: 0, confidence: 0.75, score: 0.25 },
  ],
  [
    'a Softmax of two',
    { y: 'Softmax' },
    [floats('y', 0.25, 0.75)],
    { prediction: 1, confidence: 0.75, score: 0.75 },
  ],
  [
    'a Softmax of three',
    { y: 'Softmax' },
    [floats('y', 0.5, 0.25, 0.25)],
    { prediction: 0, confidence: 0.5, score: null },
  ],
  [
    'probabilities beside a label',
    { p: 'Normalizer' },
    [LABEL, floats('p', 0.25, 0.75)],
    { prediction: 7, confidence: 0.75, score: 0.75 },
  ],
  [
    'probabilities beside a text',
    {},
    [WORD, floats('p', 0.5, 0.25, 0.25)],
    { prediction: 'cat', confidence: 0.5, score: null },
  ],
  [
    'distances beside a label',
    {},
    [LABEL, floats('d', -3, 4)],
    { prediction: 7, confidence: null, score: null },
  ],
  ['a value', {}, [floats('y', -2.5)], { prediction: -2.5, confidence: null, score: -2.5 }],
  ['values', {}, [floats('y', 1, 2)], { prediction: [1, 2], confidence: null, score: null }],
] as const)('%s is read', ([, operators, outputs, expected]) => {
  expect(readAnswer(graphOf(operators), outputs, 0.5)).toEqual(expected)
})

test('logits are read as scipy has it', () => {
  const two = readAnswer(graphOf({}), [floats('logits', 1, 3)], 0.5)
  expect(two.prediction).toBe(1)
  expect(two.confidence).toBeCloseTo(0.8807970779778824, 7)
  const one = readAnswer(graphOf({}), [floats('logit', 2)], 0.5)
  expect(one.score).toBeCloseTo(0.8807970779778824, 7)
})

test('an answer that is no number is the model’s fault', () => {
  const answer = readAnswer(graphOf({}), [floats('y', Number.NaN)], 0.5)
  expect(() => assertFinite('model:m@1', answer)).toThrow('model:m@1: the answer is NaN')
})
