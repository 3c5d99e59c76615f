import type { BinnedMatrix } from './bins.ts'
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
  return new Float64Array(matrix.cuts.length * FEATURE_STRIDE)
}

/**
 * Overwrites `histogram` with the sums over `rows`. The hot loop of training, unrolled over the four bins
 * of a word: docs/adr/0003 has the measurements.
 */
export function fillHistogram(
  histogram: Histogram,
  { cuts, words, wordsPerRow }: BinnedMatrix,
  { index, begin, end }: RowRange,
  { slopes, weights }: Gradients,
): void {
  histogram.fill(0)
  const size = cuts.length * FEATURE_STRIDE
  for (let position = begin; position < end; position++) {
    const row = index[position] ?? 0
    const slope = slopes[row] ?? 0
    const weight = weights[row] ?? 0
    let from = row * wordsPerRow
    for (let base = 0; base < size; base += FEATURE_STRIDE) {
      const word = words[from++] ?? 0
      let at = base + ((word << 1) & 510)
      histogram[at] = (histogram[at] ?? 0) + slope
      histogram[at + 1] = (histogram[at + 1] ?? 0) + weight
      // A lane without a feature is left out: adding every row to one bin waits for the sum before it.
      if ((base += FEATURE_STRIDE) === size) break
      at = base + ((word >>> 7) & 510)
      histogram[at] = (histogram[at] ?? 0) + slope
      histogram[at + 1] = (histogram[at + 1] ?? 0) + weight
      if ((base += FEATURE_STRIDE) === size) break
      at = base + ((word >>> 15) & 510)
      histogram[at] = (histogram[at] ?? 0) + slope
      histogram[at + 1] = (histogram[at + 1] ?? 0) + weight
      if ((base += FEATURE_STRIDE) === size) break
      at = base + ((word >>> 23) & 510)
      histogram[at] = (histogram[at] ?? 0) + slope
      histogram[at + 1] = (histogram[at + 1] ?? 0) + weight
    }
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
