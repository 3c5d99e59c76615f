import { MISSING_BIN, type BinnedMatrix } from './bins.ts'
import { hessianIn, rowsIn } from './gradients.ts'
import { FEATURE_STRIDE, type Histogram, type LeafSums } from './histogram.ts'

/** What bounds the growth of a tree. */
export interface SplitLimits {
  readonly minRowsPerLeaf: number
  readonly minHessianPerLeaf: number
  readonly l2: number
  readonly minGain: number
}

/** Rows with a bin ≤ `bin` go left, missing ones where `missingLeft` says; `left` sums what goes left. */
export interface Split {
  readonly feature: number
  readonly bin: number
  readonly missingLeft: boolean
  readonly gain: number
  readonly left: LeafSums
}

/** Where to look: the histogram of one leaf and its sums. */
export interface SplitSearch {
  readonly matrix: BinnedMatrix
  readonly features: Int32Array
  readonly limits: SplitLimits
  readonly unit: number
}

/** Newton's step over the sums of a leaf, in log-odds: −G / (H + λ). */
export function newtonStep(sums: LeafSums, l2: number, unit: number): number {
  return -sums.slope / (hessianIn(sums.weight, unit) + l2)
}

/**
 * The split of greatest gain G²/(H+λ) over both sides, or undefined where none is allowed. Of equal gains
 * the first feature and the lowest bin win. Source: Chen & Guestrin, XGBoost (2016), eq. 7, without the ½.
 */
export function findSplit(
  histogram: Histogram,
  leaf: LeafSums,
  search: SplitSearch,
): Split | undefined {
  let best: Split | undefined
  for (const feature of search.features) {
    const found = scanFeature(histogram, feature, leaf, search, best?.gain ?? 0)
    if (found) best = found
  }
  return best
}

/** Tries every cut of a feature, with the missing rows right and, where there are any, left. */
function scanFeature(
  histogram: Histogram,
  feature: number,
  leaf: LeafSums,
  search: SplitSearch,
  toBeat: number,
): Split | undefined {
  const base = feature * FEATURE_STRIDE
  const missing = {
    slope: histogram[base + MISSING_BIN * 2] ?? 0,
    weight: histogram[base + MISSING_BIN * 2 + 1] ?? 0,
  }
  const right = scanCuts(histogram, feature, NONE, leaf, search, toBeat)
  if (missing.weight === 0)
    return right && { ...right, missingLeft: right.left.weight * 2 >= leaf.weight }
  return scanCuts(histogram, feature, missing, leaf, search, right?.gain ?? toBeat) ?? right
}

const NONE: LeafSums = { slope: 0, weight: 0 }

/** The best cut with `missing` on the left, if it beats `toBeat`. */
function scanCuts(
  histogram: Histogram,
  feature: number,
  missing: LeafSums,
  leaf: LeafSums,
  { matrix, limits, unit }: SplitSearch,
  toBeat: number,
): Split | undefined {
  const { minRowsPerLeaf, minHessianPerLeaf, l2, minGain } = limits
  const parentHessian = hessianIn(leaf.weight, unit)
  const parentGain = (leaf.slope * leaf.slope) / (parentHessian + l2)
  const cuts = matrix.cuts[feature]?.length ?? 0
  const base = feature * FEATURE_STRIDE
  const perUnit = 1 / unit
  const leafRows = rowsIn(leaf.weight, unit)
  let { slope, weight } = missing
  let bestGain = Math.max(toBeat, minGain, SMALLEST_GAIN)
  let bestBin = -1
  let left = NONE
  // The bin behind the last cut is tried too: it parts the present rows from the missing ones.
  for (let bin = 0; bin <= cuts; bin++) {
    slope += histogram[base + bin * 2] ?? 0
    weight += histogram[base + bin * 2 + 1] ?? 0
    const leftRows = Math.floor(weight * perUnit)
    if (leftRows < minRowsPerLeaf) continue
    if (leafRows - leftRows < minRowsPerLeaf) break
    const leftHessian = weight - leftRows * unit
    const rightHessian = parentHessian - leftHessian
    if (leftHessian < minHessianPerLeaf) continue
    if (rightHessian < minHessianPerLeaf) break
    const rightSlope = leaf.slope - slope
    const gain =
      (slope * slope) / (leftHessian + l2) +
      (rightSlope * rightSlope) / (rightHessian + l2) -
      parentGain
    if (gain <= bestGain) continue
    bestGain = gain
    bestBin = bin
    left = { slope, weight }
  }
  if (bestBin < 0) return undefined
  return { feature, bin: bestBin, missingLeft: missing !== NONE, gain: bestGain, left }
}

/** Below this a gain is rounding: the terms are of the order of the number of rows. */
const SMALLEST_GAIN = 1e-9
