import { z } from 'zod'
import { sigmoid } from '../core/logits.ts'
import { solveCholesky } from './cholesky.ts'
import { logit, logLossOfScores } from './logistic.ts'
import { countPositives, type Labels } from './matrix.ts'

export interface Coefficients {
  readonly weights: readonly number[]
  readonly intercept: number
}

/** Columns with the intercept's ones last, what their squared coefficients cost, and the answers. */
interface Problem {
  readonly columns: readonly Float64Array[]
  readonly penalties: Float64Array
  readonly labels: Labels
}

/** The steps end once none moves a coefficient by more. */
const TOLERANCE = 1e-10

/** Newton doubles the digits with every step: a convex loss that took more would be a bug. */
const MAX_STEPS = 100

/** Where the descent stands after some steps. */
export const Descended = z.strictObject({
  steps: z.int().min(1),
  point: z.custom<Float64Array>((value) => value instanceof Float64Array),
})
export type Descended = Readonly<z.infer<typeof Descended>>

/**
 * Minimises Σ log loss + ½ · l2 · |weights|², the intercept going free, by Newton's method with step
 * halving, a step at a time; `from` is where the same descent, cut off since, stood. `inputs` are columns without
 * missing values; l2 > 0. O(steps · rows · columns²).
 */
export function* logisticRegression(
  inputs: readonly Float64Array[],
  labels: Labels,
  l2: number,
  from?: Descended,
): Generator<Descended, Coefficients> {
  const columns = [...inputs, new Float64Array(labels.length).fill(1)]
  const penalties = new Float64Array(columns.length).fill(l2, 0, inputs.length)
  const problem = { columns, penalties, labels }
  let point = from?.point ?? startingPoint(columns.length, labels)
  for (let steps = from?.steps ?? 0; steps < MAX_STEPS; steps++) {
    const next = descend(problem, point)
    const moved = next.some((value, k) => Math.abs(value - (point[k] ?? 0)) > TOLERANCE)
    point = next
    if (!moved) break
    yield { steps: steps + 1, point }
  }
  return { weights: [...point.subarray(0, -1)], intercept: point.at(-1) ?? 0 }
}

/** No weights, and the log-odds of the share of ones as the intercept. */
function startingPoint(length: number, labels: Labels): Float64Array {
  const point = new Float64Array(length)
  point[length - 1] = logit(countPositives(labels) / labels.length)
  return point
}

/** One Newton step, halved until the loss does not rise. */
function descend(problem: Problem, point: Float64Array): Float64Array {
  const step = newtonStep(problem, point)
  const loss = lossAt(problem, point)
  for (let length = 1; length > 1e-9; length /= 2) {
    const next = point.map((value, k) => value - length * (step[k] ?? 0))
    if (lossAt(problem, next) <= loss) return next
  }
  return point
}

function lossAt({ columns, penalties, labels }: Problem, point: Float64Array): number {
  const penalty = point.reduce((sum, value, k) => sum + (penalties[k] ?? 0) * value * value, 0)
  return logLossOfScores(scoresAt(columns, point), labels) * labels.length + penalty / 2
}

/** Hessian⁻¹ · gradient at the point. */
function newtonStep({ columns, penalties, labels }: Problem, point: Float64Array): Float64Array {
  const probabilities = scoresAt(columns, point).map(sigmoid)
  const errors = probabilities.map((probability, row) => probability - (labels[row] ?? 0))
  const variances = probabilities.map((probability) => probability * (1 - probability))
  const gradient = Float64Array.from(columns, (column, k) => {
    return dot(column, errors) + (penalties[k] ?? 0) * (point[k] ?? 0)
  })
  const hessian = new Float64Array(columns.length ** 2)
  for (const [j, column] of columns.entries()) {
    const weighted = column.map((value, row) => value * (variances[row] ?? 0))
    for (const [k, other] of columns.slice(0, j + 1).entries())
      hessian[j * columns.length + k] = dot(other, weighted)
    const diagonal = j * columns.length + j
    hessian[diagonal] = (hessian[diagonal] ?? 0) + (penalties[j] ?? 0) + RIDGE
  }
  solveCholesky(hessian, gradient)
  return gradient
}

/** Keeps the intercept's own curvature above zero once every row is answered with certainty. */
const RIDGE = 1e-12

function scoresAt(columns: readonly Float64Array[], point: Float64Array): Float64Array {
  const scores = new Float64Array(columns[0]?.length ?? 0)
  for (const [k, column] of columns.entries()) {
    const coefficient = point[k] ?? 0
    for (let row = 0; row < scores.length; row++)
      scores[row] = (scores[row] ?? 0) + coefficient * (column[row] ?? 0)
  }
  return scores
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let row = 0; row < a.length; row++) sum += (a[row] ?? 0) * (b[row] ?? 0)
  return sum
}
