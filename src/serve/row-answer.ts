import { GyreError } from '../core/errors.ts'
import { sigmoid, softmax } from '../core/logits.ts'
import type { Tensor } from '../core/tensor.ts'
import type { Graph } from '../infer/session.ts'

/** A probability at the threshold counts as 1. */
export function classOf(score: number, threshold: number): 0 | 1 {
  return score >= threshold ? 1 : 0
}

/** What a graph's outputs say about one row, in the words of a prediction. */
export interface RowAnswer {
  /** The class, by its number or its own label; the value or the values where the graph tells no class. */
  readonly prediction: number | string | readonly number[]
  /** Probability of the class; null where the graph gives none. */
  readonly confidence: number | null
  /** Probability of class 1 of two, or the value; null where the answer is not one number. */
  readonly score: number | null
}

/**
 * Reads one row's answer: a graph that ends in Softmax or Sigmoid, or whose output is called after probabilities or
 * logits, tells classes; so does one with an output of labels beside them, as converters of scikit-learn write it.
 */
export function readAnswer(
  { operators }: Graph,
  outputs: readonly Tensor[],
  threshold: number,
): RowAnswer {
  const label = outputs.find(isLabel)
  const numbers = outputs.find(({ datatype }) => datatype === 'FP32' || datatype === 'FP64')
  const values = Array.from<unknown, number>(numbers?.data ?? [], Number)
  const meaning = numbers && meaningOf(numbers.name, operators[numbers.name], label !== undefined)
  if (meaning === undefined) return plain(label, values)
  const odds = meaning === 'logits' ? fromLogits(values) : values
  return isDistribution(odds) ? classified(label, odds, threshold) : plain(label, values)
}

/** What a graph's predictions are: a class or a value, a text, or several values. */
export type AnswerKind = 'number' | 'text' | 'numbers'

/** As far as a graph declares it; of outputs of an unknown width, several values. */
export function kindOfAnswers({ outputs, operators }: Graph): AnswerKind {
  const label = outputs.find(({ datatype }) => datatype === 'INT64' || datatype === 'BYTES')
  if (label) return label.datatype === 'BYTES' ? 'text' : 'number'
  const numbers = outputs.find(({ datatype }) => datatype === 'FP32' || datatype === 'FP64')
  if (!numbers || meaningOf(numbers.name, operators[numbers.name], false)) return 'number'
  return numbers.shape.slice(1).every((size) => size === 1) ? 'number' : 'numbers'
}

/** Throws MODEL_FAILED where JSON has no number for the answer. */
export function assertFinite(model: string, { prediction }: RowAnswer): void {
  const values = typeof prediction === 'string' ? [] : [prediction].flat()
  const odd = values.find((value) => !Number.isFinite(value))
  if (odd !== undefined) throw new GyreError('MODEL_FAILED', `${model}: the answer is ${odd}`)
}

/** One whole number or text a row. */
function isLabel({ datatype, data }: Tensor): boolean {
  return (datatype === 'INT64' || datatype === 'BYTES') && data.length === 1
}

function meaningOf(
  name: string,
  operator: string | undefined,
  hasLabel: boolean,
): 'probabilities' | 'logits' | undefined {
  if (operator === 'Softmax' || operator === 'Sigmoid' || hasLabel) return 'probabilities'
  if (/prob/i.test(name)) return 'probabilities'
  return /logit/i.test(name) ? 'logits' : undefined
}

function fromLogits(values: readonly number[]): readonly number[] {
  const [only] = values
  if (values.length === 1 && only !== undefined) return [sigmoid(only)]
  return [...softmax(Float32Array.from(values))]
}

/** One probability, or those of all classes. */
function isDistribution(odds: readonly number[]): boolean {
  const isEach = odds.every((odd) => odd >= 0 && odd <= 1)
  const sum = odds.reduce((total, odd) => total + odd, 0)
  return isEach && (odds.length === 1 || Math.abs(sum - 1) < 1e-3)
}

function classified(
  label: Tensor | undefined,
  odds: readonly number[],
  threshold: number,
): RowAnswer {
  const [first = Number.NaN] = odds
  if (odds.length === 1) {
    const prediction = classOf(first, threshold)
    return { prediction, confidence: prediction === 1 ? first : 1 - first, score: first }
  }
  const best = odds.indexOf(Math.max(...odds))
  return {
    prediction: label ? labelOf(label) : best,
    confidence: odds[best] ?? null,
    score: odds.length === 2 ? (odds[1] ?? null) : null,
  }
}

function plain(label: Tensor | undefined, values: readonly number[]): RowAnswer {
  const [only] = values
  if (label) return { prediction: labelOf(label), confidence: null, score: null }
  if (values.length === 1 && only !== undefined)
    return { prediction: only, confidence: null, score: only }
  return { prediction: values, confidence: null, score: null }
}

function labelOf({ data }: Tensor): number | string {
  const [value] = data
  return typeof value === 'string' ? value : Number(value)
}
