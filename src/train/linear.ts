import { z } from 'zod'
import { finite } from './float32.ts'
import { logisticRegression, type Descended } from './logistic-regression.ts'
import { assertTrainable, invalidArgument, type LabelledRows, type Matrix } from './matrix.ts'
import { parseOptions } from './options.ts'
import { toItsEnd } from './rounds.ts'

/** How to fit. */
const LinearOptions = z.strictObject({
  /** Penalty ½ · l2 · |weights|² on the weights of the standardised features; 1 / C of scikit-learn. */
  l2: z.number().gt(0).default(1),
})

/**
 * The score, in log-odds: intercept + Σ weight · (value − mean) / scale. A missing value counts as the
 * mean, an infinite one as the largest finite float32.
 */
export interface LinearModel {
  readonly kind: 'linear'
  readonly names: readonly string[]
  readonly means: readonly number[]
  readonly scales: readonly number[]
  readonly weights: readonly number[]
  readonly intercept: number
}

export interface LinearTraining {
  readonly train: LabelledRows
  readonly options?: z.input<typeof LinearOptions>
  /** Where the same training, cut off since, stood: it ends with the model that it would have had. */
  readonly from?: Descended
}

/**
 * L2-regularised logistic regression on standardised features, deterministic. A feature that never varies
 * gets weight 0. Throws INVALID_ARGUMENT naming the option or the input that does not fit; infinite
 * values do not.
 */
export function trainLinear(training: LinearTraining): LinearModel {
  return toItsEnd(fitLinear(training))
}

/** As `trainLinear`, a step at a time. */
export function* fitLinear({
  train,
  options,
  from,
}: LinearTraining): Generator<Descended, LinearModel> {
  const { l2 } = parseOptions(LinearOptions, options ?? {})
  assertTrainable(train)
  const { names, columns } = train.matrix
  const moments = columns.map((column, feature) => momentsOf(column, names[feature]))
  const inputs = columns.map((column, feature) => standardise(column, moments[feature] ?? UNIT))
  const { weights, intercept } = yield* logisticRegression(inputs, train.labels, l2, from)
  return {
    kind: 'linear',
    names,
    means: moments.map(({ mean }) => mean),
    scales: moments.map(({ scale }) => scale),
    weights,
    intercept,
  }
}

/** The score of every row in log-odds; the matrix has the model's features (see `predict` in model.ts). */
export function scoreLinear(model: LinearModel, matrix: Matrix): Float64Array {
  const scores = new Float64Array(matrix.rows).fill(model.intercept)
  for (const [feature, column] of matrix.columns.entries()) {
    const moments = { mean: model.means[feature] ?? 0, scale: model.scales[feature] ?? 1 }
    const inputs = standardise(column, moments)
    const weight = model.weights[feature] ?? 0
    for (let row = 0; row < scores.length; row++)
      scores[row] = (scores[row] ?? 0) + weight * (inputs[row] ?? 0)
  }
  return scores
}

interface Moments {
  readonly mean: number
  /** Standard deviation over all rows, the missing ones as the mean; 1 where nothing varies. */
  readonly scale: number
}

const UNIT: Moments = { mean: 0, scale: 1 }

function momentsOf(column: Float32Array, name: string | undefined): Moments {
  if (column.some((value) => value === Infinity || value === -Infinity))
    throw invalidArgument(`columns.${name}`, 'finite or missing values')
  const present = Float64Array.from(column.filter((value) => !Number.isNaN(value)))
  const [first] = present
  if (first === undefined) return UNIT
  // Not by the variance: the mean of equal values may be off by a rounding, and so vary.
  if (present.every((value) => value === first)) return { mean: first, scale: 1 }
  const mean = present.reduce((sum, value) => sum + value, 0) / present.length
  const squares = present.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  return { mean, scale: Math.sqrt(squares / column.length) }
}

function standardise(column: Float32Array, { mean, scale }: Moments): Float64Array {
  return Float64Array.from(column, (value) => {
    return Number.isNaN(value) ? 0 : (finite(value) - mean) / scale
  })
}
