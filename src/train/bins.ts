import type { Random } from '../core/random.ts'
import { finite } from './float32.ts'
import type { Matrix } from './matrix.ts'

/** The bin of a missing value; values take the bins below it, so that a bin fits one byte. */
export const MISSING_BIN = 255

/** Features whose bins share one 32-bit word. */
export const LANES = 4

/** Above this many rows the quantiles come from a sample: some 250 values a bin place a cut well enough. */
const QUANTILE_SAMPLE = 65_536

/**
 * A matrix with every value replaced by its bin, row by row: a row takes `wordsPerRow` words of four bins
 * each, so that one load serves four histogram updates and a row lies in one cache line or two.
 */
export interface BinnedMatrix {
  readonly rows: number
  /** `cuts[feature][bin]` is the upper bound, inclusive, of `bin`; the last bin has none. */
  readonly cuts: readonly Float32Array[]
  readonly wordsPerRow: number
  /** The bin of `feature` is byte `feature % 4` of word `row · wordsPerRow + ⌊feature / 4⌋`. */
  readonly words: Uint32Array
}

/**
 * Cuts every feature into at most `maxBins` (2 to 255) bins of about equally many present values; a value
 * frequent enough to fill a bin gets one of its own. O(features · rows · log bins).
 */
export function binMatrix(matrix: Matrix, maxBins: number, random: Random): BinnedMatrix {
  const cuts = matrix.columns.map((column) => cutsOf(sortedSample(column, random), maxBins))
  const wordsPerRow = Math.ceil(matrix.columns.length / LANES)
  const words = new Uint32Array(matrix.rows * wordsPerRow)
  const binned = { rows: matrix.rows, cuts, wordsPerRow, words }
  for (const [feature, column] of matrix.columns.entries()) writeBins(column, feature, binned)
  return binned
}

function writeBins(column: Float32Array, feature: number, binned: BinnedMatrix): void {
  const { words, wordsPerRow } = binned
  const bounds = new Float32Array(256).fill(Infinity)
  bounds.set(binned.cuts[feature] ?? [])
  const shift = (feature % LANES) * 8
  let at = Math.floor(feature / LANES)
  for (let row = 0; row < column.length; row++) {
    const value = column[row] ?? NaN
    const bin = Number.isNaN(value) ? MISSING_BIN : binOf(value, bounds)
    words[at] = (words[at] ?? 0) | (bin << shift)
    at += wordsPerRow
  }
}

/** How many of 256 ascending bounds lie below the value: a binary search whose steps are no branches. */
function binOf(value: number, bounds: Float32Array): number {
  let bin = 0
  for (let step = 128; step > 0; step >>>= 1)
    bin += step & -Number((bounds[bin + step - 1] ?? 0) < value)
  return bin
}

/** Present values in ascending order, infinities as the largest finite values: a cut is always finite. */
function sortedSample(column: Float32Array, random: Random): Float32Array {
  const isSampled = column.length > QUANTILE_SAMPLE
  const sample = new Float32Array(Math.min(column.length, QUANTILE_SAMPLE))
  let present = 0
  for (let draw = 0; draw < sample.length; draw++) {
    const row = isSampled ? Math.floor(random() * column.length) : draw
    const value = column[row] ?? NaN
    if (!Number.isNaN(value)) sample[present++] = finite(value)
  }
  return sample.subarray(0, present).toSorted()
}

/** Upper bounds of the bins of `sorted`, one fewer than there are bins. */
function cutsOf(sorted: Float32Array, maxBins: number): Float32Array {
  const share = lightShare(sorted, maxBins)
  const cuts: number[] = []
  let [filled, wasHeavy] = [0, false]
  for (let begin = 0; begin < sorted.length && cuts.length + 1 < maxBins;) {
    const end = runEnd(sorted, begin)
    const isHeavy = (end - begin) * maxBins >= sorted.length
    if (begin > 0 && (isHeavy || wasHeavy || filled >= share)) {
      cuts.push(between(sorted[begin - 1] ?? 0, sorted[begin] ?? 0))
      filled = 0
    }
    filled += end - begin
    wasHeavy = isHeavy
    begin = end
  }
  return Float32Array.from(cuts)
}

/**
 * How many values make a bin full, when those frequent enough to fill one alone have theirs; 0 where
 * there is a bin for every distinct value.
 */
function lightShare(sorted: Float32Array, maxBins: number): number {
  let [distinct, heavy, lightValues] = [0, 0, 0]
  for (let begin = 0; begin < sorted.length;) {
    const end = runEnd(sorted, begin)
    distinct += 1
    if ((end - begin) * maxBins >= sorted.length) heavy += 1
    else lightValues += end - begin
    begin = end
  }
  return distinct <= maxBins ? 0 : lightValues / (maxBins - heavy)
}

/** Behind the last of the values equal to the one at `begin`. */
function runEnd(sorted: Float32Array, begin: number): number {
  const value = sorted[begin]
  let end = begin + 1
  while (end < sorted.length && sorted[end] === value) end += 1
  return end
}

/** A float32 `cut` with low ≤ cut < high, halfway where float32 has room: ONNX trees compare in float32. */
function between(low: number, high: number): number {
  const middle = Math.fround(low / 2 + high / 2)
  return middle < high ? middle : low
}
