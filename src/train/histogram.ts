import { LANES, type BinnedMatrix } from './bins.ts'
import type { Gradients } from './gradients.ts'

/** Numbers a feature takes in a histogram: slope and weight for each of 256 bins. */
export const FEATURE_STRIDE = 512

/** Sums of slopes and weights per feature and bin: slope at `feature · 512 + bin · 2`, weight behind it. */
export type Histogram = Float64Array

/** Some rows of a matrix: `index[begin … end)`. */
export interface RowRange {
  readonly index: Int32Array
  readonly begin: number
  readonly end: number
}

export function newHistogram(matrix: BinnedMatrix): Histogram {
  return new Float64Array(matrix.words.length * LANES * FEATURE_STRIDE)
}

/** Overwrites `histogram` with the sums over `rows`. The hot loop of training: see docs/adr/0003. */
export function fillHistogram(
  histogram: Histogram,
  matrix: BinnedMatrix,
  rows: RowRange,
  gradients: Gradients,
): void {
  histogram.fill(0)
  for (const [group, words] of matrix.words.entries())
    addGroup(histogram, group * LANES * FEATURE_STRIDE, words, rows, gradients)
}

function addGroup(
  histogram: Histogram,
  first: number,
  words: Uint32Array,
  { index, begin, end }: RowRange,
  { slopes, weights }: Gradients,
): void {
  const [second, third, fourth] = [
    first + FEATURE_STRIDE,
    first + FEATURE_STRIDE * 2,
    first + FEATURE_STRIDE * 3,
  ]
  for (let position = begin; position < end; position++) {
    const row = index[position] ?? 0
    const word = words[row] ?? 0
    const slope = slopes[row] ?? 0
    const weight = weights[row] ?? 0
    let at = first + ((word << 1) & 510)
    histogram[at] = (histogram[at] ?? 0) + slope
    histogram[at + 1] = (histogram[at + 1] ?? 0) + weight
    at = second + ((word >>> 7) & 510)
    histogram[at] = (histogram[at] ?? 0) + slope
    histogram[at + 1] = (histogram[at + 1] ?? 0) + weight
    at = third + ((word >>> 15) & 510)
    histogram[at] = (histogram[at] ?? 0) + slope
    histogram[at + 1] = (histogram[at + 1] ?? 0) + weight
    at = fourth + ((word >>> 23) & 510)
    histogram[at] = (histogram[at] ?? 0) + slope
    histogram[at + 1] = (histogram[at + 1] ?? 0) + weight
  }
}

/** Turns the histogram of a parent into that of the child which is not `child`; exact, see gradients.ts. */
export function subtractHistogram(parent: Histogram, child: Histogram): void {
  for (let at = 0; at < parent.length; at++) parent[at] = (parent[at] ?? 0) - (child[at] ?? 0)
}
