import type { Random } from '../core/random.ts'
import { finite } from './float32.ts'
import type { Matrix } from './matrix.ts'

/** The bin of a missing value; values take the bins below it, so that a bin fits one byte. */
export const MISSING_BIN = 255

/** Features whose bins share one 32-bit word. */
export const LANES = 4

/** Above this many rows the quantiles come from a sample: LightGBM's bin_construct_sample_cnt. */
const QUANTILE_SAMPLE = 200_000

/**
 * A matrix with every value replaced by its bin. Word `row` of `words[feature / 4 | 0]` holds four bins,
 * the one of `feature` in byte `feature % 4`: one load serves four histogram updates.
 */
export interface BinnedMatrix {
  readonly rows: number
  /** `cuts[feature][bin]` is the upper bound, inclusive, of `bin`; the last bin has none. */
  readonly cuts: readonly Float32Array[]
  readonly words: readonly Uint32Array[]
}

/**
 * Cuts every feature into at most `maxBins` (2 to 255) bins of about equally many present values; a value
 * that fills a bin alone gets one of its own. O(features · rows · log bins).
 */
export function binMatrix(matrix: Matrix, maxBins: number, random: Random): BinnedMatrix {
  const cuts = matrix.columns.map((column) => cutsOf(sortedSample(column, random), maxBins))
  const words = Array.from(
    { length: Math.ceil(matrix.columns.length / LANES) },
    () => new Uint32Array(matrix.rows),
  )
  for (const [feature, column] of matrix.columns.entries()) {
    const lane = words[Math.floor(feature / LANES)]
    if (lane) writeBins(column, cuts[feature] ?? new Float32Array(), lane, (feature % LANES) * 8)
  }
  return { rows: matrix.rows, cuts, words }
}

function writeBins(column: Float32Array, cuts: Float32Array, words: Uint32Array, shift: number) {
  for (let row = 0; row < column.length; row++) {
    const value = column[row] ?? 0
    const bin = Number.isNaN(value) ? MISSING_BIN : binOf(value, cuts)
    words[row] = (words[row] ?? 0) | (bin << shift)
  }
}

/** The first bin whose upper bound is not below the value. */
function binOf(value: number, cuts: Float32Array): number {
  let low = 0
  let high = cuts.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (value <= (cuts[middle] ?? 0)) high = middle
    else low = middle + 1
  }
  return low
}

/** Present values in ascending order, infinities as the largest finite values: a cut is always finite. */
function sortedSample(column: Float32Array, random: Random): Float32Array {
  const drawn = column.length <= QUANTILE_SAMPLE ? column : draw(column, QUANTILE_SAMPLE, random)
  return drawn
    .filter((value) => !Number.isNaN(value))
    .map(finite)
    .sort()
}

function draw(column: Float32Array, count: number, random: Random): Float32Array {
  return Float32Array.from({ length: count }, () => {
    return column[Math.floor(random() * column.length)] ?? 0
  })
}

/** Upper bounds of the bins of `sorted`, one fewer than there are bins. */
function cutsOf(sorted: Float32Array, maxBins: number): Float32Array {
  const { values, counts } = distinct(sorted)
  const heavy = sorted.length / maxBins
  const light = counts.filter((count) => count < heavy)
  const share = light.length === 0 ? 0 : sum(light) / (maxBins - (counts.length - light.length))
  const everyValue = values.length <= maxBins
  const cuts: number[] = []
  let filled = 0
  for (let index = 0; index + 1 < values.length && cuts.length + 1 < maxBins; index++) {
    const [count, next] = [counts[index] ?? 0, counts[index + 1] ?? 0]
    filled += count
    if (!everyValue && filled < share && count < heavy && next < heavy) continue
    cuts.push(between(values[index] ?? 0, values[index + 1] ?? 0))
    filled = 0
  }
  return Float32Array.from(cuts)
}

/** A float32 `cut` with low ≤ cut < high, halfway where float32 has room: ONNX trees compare in float32. */
function between(low: number, high: number): number {
  const middle = Math.fround(low / 2 + high / 2)
  return middle < high ? middle : low
}

function distinct(sorted: Float32Array): { values: number[]; counts: number[] } {
  const values: number[] = []
  const counts: number[] = []
  for (const value of sorted) {
    const last = values.length - 1
    if (last >= 0 && values[last] === value) counts[last] = (counts[last] ?? 0) + 1
    else {
      values.push(value)
      counts.push(1)
    }
  }
  return { values, counts }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
