import type { Labels } from './matrix.ts'

/**
 * First and second derivatives of the logistic loss per row, on a grid of exact sums.
 *
 * Both are rounded to multiples of a power of two so coarse that the sum over all rows needs no rounding.
 * Sums therefore do not depend on their order, and parent minus child *is* the sibling, to the bit.
 * `weights[row]` is `unit + hessian`, where the power of two `unit` exceeds the sum of all hessians:
 * one addition counts the row and adds its hessian (see `rowsIn`, `hessianIn`).
 */
export interface Gradients {
  readonly slopes: Float64Array
  readonly weights: Float64Array
  unit: number
}

/** Scores so extreme that every hessian underflows must not make the unit zero. */
const SMALLEST_SUM = 1e-100

/** How many rows a sum of weights holds. */
export function rowsIn(weight: number, unit: number): number {
  return Math.floor(weight / unit)
}

/** The sum of hessians in a sum of weights. */
export function hessianIn(weight: number, unit: number): number {
  return weight - rowsIn(weight, unit) * unit
}

export function newGradients(rows: number): Gradients {
  return { slopes: new Float64Array(rows), weights: new Float64Array(rows), unit: 1 }
}

/** Writes the derivatives at `scores` (log-odds) into `gradients`. */
export function fillGradients(gradients: Gradients, scores: Float64Array, labels: Labels): void {
  const { slopes, weights } = gradients
  const rows = scores.length
  const slopeRounder = rounderFor(rows)
  let hessians = 0
  for (let row = 0; row < rows; row++) {
    const probability = 1 / (1 + Math.exp(-(scores[row] ?? 0)))
    const slope = probability - (labels[row] ?? 0)
    const hessian = probability * (1 - probability)
    slopes[row] = slope + slopeRounder - slopeRounder
    weights[row] = hessian
    hessians += hessian
  }
  gradients.unit = packCounts(weights, hessians)
}

/** Rounds the hessians in `weights` and adds the unit it returns to each. */
function packCounts(weights: Float64Array, hessians: number): number {
  const rows = weights.length
  const unit = powerOfTwoAbove(Math.max(hessians * 2, SMALLEST_SUM))
  const rounder = rounderFor(rows * unit * 2)
  for (let row = 0; row < rows; row++) weights[row] = (weights[row] ?? 0) + rounder - rounder + unit
  return unit
}

/**
 * Adding and taking away this number rounds to a grid on which sums up to `largestSum` are exact: its own
 * grid is 2⁻⁵² of it, and a sum needs at most 53 bits on that grid.
 */
function rounderFor(largestSum: number): number {
  return 1.5 * powerOfTwoAbove(largestSum)
}

function powerOfTwoAbove(value: number): number {
  return 2 ** (Math.floor(Math.log2(value)) + 1)
}
