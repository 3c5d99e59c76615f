import { LANES, type BinnedMatrix } from './bins.ts'
import type { Gradients } from './gradients.ts'

/** Numbers a feature takes in a histogram: slope and weight for each of 256 bins. */
export const FEATURE_STRIDE = 512

/** Sums of slopes and weights per feature and bin: slope at `feature · 512 + bin · 2`, weight behind it. */
export type Histogram = Float64Array

/** Sums over some rows; `weight` counts them too (see gradients.ts). */
export interface LeafSums {
  readonly slope: number
  readonly weight: number
}

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
  for (const [group, words] of matrix.words.entries()) {
    const lanes = Math.min(LANES, matrix.cuts.length - group * LANES)
    addGroup(histogram, group * LANES * FEATURE_STRIDE, words, lanes, rows, gradients)
  }
}

/** Adds the rows to the `lanes` features of a group, whose bins start at `base`. */
function addGroup(
  histogram: Histogram,
  base: number,
  words: Uint32Array,
  lanes: number,
  { index, begin, end }: RowRange,
  { slopes, weights }: Gradients,
): void {
  const base1 = base + FEATURE_STRIDE
  const base2 = base1 + FEATURE_STRIDE
  const base3 = base2 + FEATURE_STRIDE
  for (let position = begin; position < end; position++) {
    const row = index[position] ?? 0
    const word = words[row] ?? 0
    const slope = slopes[row] ?? 0
    const weight = weights[row] ?? 0
    let at = base + ((word << 1) & 510)
    histogram[at] = (histogram[at] ?? 0) + slope
    histogram[at + 1] = (histogram[at + 1] ?? 0) + weight
    // Lanes without a feature are left out: adding all rows to one bin waits for the sum before.
    if (lanes === 1) continue
    at = base1 + ((word >>> 7) & 510)
    histogram[at] = (histogram[at] ?? 0) + slope
    histogram[at + 1] = (histogram[at + 1] ?? 0) + weight
    if (lanes === 2) continue
    at = base2 + ((word >>> 15) & 510)
    histogram[at] = (histogram[at] ?? 0) + slope
    histogram[at + 1] = (histogram[at + 1] ?? 0) + weight
    if (lanes === 3) continue
    at = base3 + ((word >>> 23) & 510)
    histogram[at] = (histogram[at] ?? 0) + slope
    histogram[at + 1] = (histogram[at + 1] ?? 0) + weight
  }
}

/** Turns the histogram of a parent into that of the child which is not `child`; exact, see gradients.ts. */
export function subtractHistogram(parent: Histogram, child: Histogram): void {
  for (let at = 0; at < parent.length; at++) parent[at] = (parent[at] ?? 0) - (child[at] ?? 0)
}

/** The sums over all rows of a histogram: those over the bins of any one feature. */
export function sumsOf(histogram: Histogram): LeafSums {
  let [slope, weight] = [0, 0]
  for (let at = 0; at < FEATURE_STRIDE; at += 2) {
    slope += histogram[at] ?? 0
    weight += histogram[at + 1] ?? 0
  }
  return { slope, weight }
}
