import { mean } from './stats.ts'

/** A measurement of a curve, by training step. */
export interface CurvePoint {
  readonly step: number | bigint
  readonly value: number
}

/** Two curves of the same thing: on the rows that a model learns from, and on others. */
export interface CurvePair {
  readonly train: string
  readonly validation: string
  readonly better: 'lower' | 'higher'
}

/** Where validation was best, how it ended, and what training did meanwhile; by the means of a tenth of the points. */
export interface Overfit extends CurvePair {
  readonly bestStep: number | bigint
  readonly validationFrom: number
  readonly validationTo: number
  readonly trainFrom: number
  readonly trainTo: number
}

const LOWER = /(loss|error|err|mse|rmse|mae|mape|perplexity|brier|nll|entropy|deviance)$/i
const HIGHER = /(auc|acc|accuracy|f1|f1_score|precision|recall|r2|score|iou|map|ndcg|dice)$/i

/** How curves of training and validation are called by the libraries that log them; `x` stands for the metric. */
const NAMES: readonly (readonly [validation: RegExp, train: readonly string[]])[] = [
  [/^(?:val|valid|validation|eval)([_/.-])(.+)$/, ['train$1$2', 'training$1$2', '$2']],
  [/^(.+)([_/.-])(?:val|valid|validation|eval)$/, ['$1$2train', '$1$2training', '$1']],
]

/** The pairs among the names of a run's metrics; those of which nobody knows which way is better are none. */
export function curvePairs(keys: readonly string[]): readonly CurvePair[] {
  const known = new Set(keys)
  return keys.flatMap((validation) => {
    const better = betterOf(validation)
    if (!better) return []
    for (const [pattern, names] of NAMES) {
      if (!pattern.test(validation)) continue
      const train = names
        .map((name) => validation.replace(pattern, name))
        .find((name) => known.has(name))
      if (train !== undefined) return [{ train, validation, better }]
    }
    return []
  })
}

function betterOf(key: string): CurvePair['better'] | undefined {
  const bare = key.replace(/[_/.-](?:val|valid|validation|eval)$/, '')
  if (LOWER.test(bare)) return 'lower'
  return HIGHER.test(bare) ? 'higher' : undefined
}

/** Fewer say nothing of a trend. */
const MIN_POINTS = 10
/** Of what validation had gained, so much must be lost again. */
const LOST_SHARE = 0.1
/** And more than this many standard deviations of its own noise. */
const NOISE = 3

/**
 * The evidence that validation has become worse while training went on to improve; undefined where it has not. Points
 * are by step; steps that only one of the curves has, and values that are no numbers, are passed over.
 */
export function findOverfit(
  pair: CurvePair,
  train: readonly CurvePoint[],
  validation: readonly CurvePoint[],
): Overfit | undefined {
  const sign = pair.better === 'lower' ? 1 : -1
  const trainAt = new Map(train.map(({ step, value }) => [step, value]))
  const both = validation.flatMap(({ step, value }) => {
    const learned = trainAt.get(step)
    return learned !== undefined && Number.isFinite(value) && Number.isFinite(learned)
      ? [{ step, validation: sign * value, train: sign * learned }]
      : []
  })
  if (both.length < MIN_POINTS) return undefined
  const width = Math.ceil(both.length / 10)
  const validations = smooth(
    both.map((point) => point.validation),
    width,
  )
  const trains = smooth(
    both.map((point) => point.train),
    width,
  )
  const last = validations.length - 1
  const best = validations.reduce(
    (lowest, value, i) => (value < (validations[lowest] ?? value) ? i : lowest),
    0,
  )
  const lost = at(validations, last) - at(validations, best)
  const gained = at(validations, 0) - at(validations, best)
  const noise = noiseOf(both.map((point) => point.validation))
  const learned = at(trains, best) - at(trains, last)
  const isWorse = lost > LOST_SHARE * gained && lost > NOISE * noise && last - best >= width
  if (!isWorse || learned <= 0) return undefined
  return {
    ...pair,
    bestStep: both[best + Math.floor(width / 2)]?.step ?? 0,
    validationFrom: sign * at(validations, best),
    validationTo: sign * at(validations, last),
    trainFrom: sign * at(trains, best),
    trainTo: sign * at(trains, last),
  }
}

function at(values: readonly number[], i: number): number {
  return values[i] ?? Number.NaN
}

/** The mean of every `width` values that follow each other. */
function smooth(values: readonly number[], width: number): number[] {
  return Array.from({ length: values.length - width + 1 }, (_, i) =>
    mean(values.slice(i, i + width)),
  )
}

/** Standard deviation of what is not trend, by the median difference of neighbours: 0.6745 · √2 of it for a normal one. */
function noiseOf(values: readonly number[]): number {
  const steps = values.slice(1).map((value, i) => Math.abs(value - (values[i] ?? value)))
  const middle = steps.toSorted((a, b) => a - b)[Math.floor(steps.length / 2)] ?? 0
  return middle / (0.6745 * Math.SQRT2)
}

/** The evidence as a sentence. */
export function tellOverfit(found: Overfit): string {
  const { train, validation, bestStep } = found
  const [from, to] = [found.validationFrom, found.validationTo].map(short)
  const [learnedFrom, learnedTo] = [found.trainFrom, found.trainTo].map(short)
  return `${validation} went from ${from} at step ${bestStep} to ${to}, while ${train} went on from ${learnedFrom} to ${learnedTo}`
}

function short(value: number): string {
  return String(Number(value.toPrecision(4)))
}
