import { LANES, type BinnedMatrix } from './bins.ts'
import type { Gradients } from './gradients.ts'
import {
  fillHistogram,
  newHistogram,
  subtractHistogram,
  sumsOf,
  type Histogram,
  type LeafSums,
  type RowRange,
} from './histogram.ts'
import { findSplit, newtonStep, type Split, type SplitLimits } from './split.ts'
import { leafNode, treeOf, type Tree, type TreeNode } from './tree.ts'

interface GrowthLimits extends SplitLimits {
  readonly maxLeaves: number
  /** What a leaf's Newton step is multiplied with. */
  readonly learningRate: number
}

/** Memory that the trees of one training share: histograms to take and give back, room to part rows. */
interface Workspace {
  readonly histograms: Histogram[]
  readonly aside: Int32Array
}

export interface Growth {
  readonly matrix: BinnedMatrix
  readonly gradients: Gradients
  /** The features this tree may ask for, ascending. */
  readonly features: Int32Array
  readonly limits: GrowthLimits
  readonly workspace: Workspace
}

/** A tree, and where the rows it grew on ended: all of `rows` score `value`. */
export interface GrownTree {
  readonly tree: Tree
  readonly leaves: readonly { readonly rows: RowRange; readonly value: number }[]
}

interface Leaf {
  readonly node: number
  readonly rows: RowRange
  readonly sums: LeafSums
  /** Undefined where no split is looked for. */
  readonly histogram: Histogram | undefined
  readonly split: Split | undefined
}

/**
 * Grows a tree on the rows of `index`, always parting the leaf of greatest gain. `index` is reordered so
 * that the rows of a leaf lie side by side, ascending.
 */
export function growTree(index: Int32Array, growth: Growth): GrownTree {
  const { maxLeaves, learningRate, l2 } = growth.limits
  const nodes = [leafNode()]
  const leaves = [rootLeaf({ index, begin: 0, end: index.length }, growth)]
  while (leaves.length < maxLeaves) {
    const best = leaves.reduce((a, b) => ((b.split?.gain ?? 0) > (a.split?.gain ?? 0) ? b : a))
    if (!best.split) break
    const isLast = leaves.length + 1 === maxLeaves
    leaves.splice(leaves.indexOf(best), 1, ...partLeaf(best, best.split, nodes, growth, isLast))
  }
  for (const { histogram } of leaves) if (histogram) growth.workspace.histograms.push(histogram)
  const valued = leaves.map(({ node, rows, sums }) => {
    const value = Math.fround(learningRate * newtonStep(sums, l2, growth.gradients.unit))
    nodes[node] = { ...leafNode(), value }
    return { rows, value }
  })
  return { tree: treeOf(nodes), leaves: valued }
}

function rootLeaf(rows: RowRange, growth: Growth): Leaf {
  const histogram = takeHistogram(growth)
  fillHistogram(histogram, growth.matrix, rows, growth.gradients)
  return searched({ node: 0, rows, sums: sumsOf(histogram) }, histogram, growth)
}

/** Makes the leaf's node an inner one and returns the two leaves below it. */
function partLeaf(
  leaf: Leaf,
  split: Split,
  nodes: TreeNode[],
  growth: Growth,
  isLast: boolean,
): [Leaf, Leaf] {
  const middle = partRows(leaf.rows, split, growth)
  const left = {
    node: nodes.length,
    rows: { ...leaf.rows, end: middle },
    sums: split.left,
  }
  const right = {
    node: nodes.length + 1,
    rows: { ...leaf.rows, begin: middle },
    sums: {
      slope: leaf.sums.slope - split.left.slope,
      weight: leaf.sums.weight - split.left.weight,
    },
  }
  nodes.push(leafNode(), leafNode())
  nodes[leaf.node] = innerNode(split, growth.matrix, left.node, right.node)
  const childHistograms = isLast ? undefined : partHistogram(leaf, left.rows, right.rows, growth)
  return [
    searched(left, childHistograms?.left, growth),
    searched(right, childHistograms?.right, growth),
  ]
}

function innerNode(split: Split, matrix: BinnedMatrix, left: number, right: number): TreeNode {
  const { feature, bin, missingLeft, gain } = split
  const threshold = matrix.cuts[feature]?.[bin] ?? Infinity
  return { feature, threshold, missingLeft, left, right, gain, value: 0 }
}

/** Sums the rows of the smaller child; what is left of the parent's histogram is the other child's. */
function partHistogram(leaf: Leaf, left: RowRange, right: RowRange, growth: Growth) {
  if (!leaf.histogram) return undefined
  const leftIsSmaller = left.end - left.begin <= right.end - right.begin
  const smaller = takeHistogram(growth)
  fillHistogram(smaller, growth.matrix, leftIsSmaller ? left : right, growth.gradients)
  subtractHistogram(leaf.histogram, smaller)
  return leftIsSmaller
    ? { left: smaller, right: leaf.histogram }
    : { left: leaf.histogram, right: smaller }
}

function searched(
  leaf: Pick<Leaf, 'node' | 'rows' | 'sums'>,
  histogram: Histogram | undefined,
  { matrix, features, limits, gradients }: Growth,
): Leaf {
  const search = { matrix, features, limits, unit: gradients.unit }
  const split = histogram && findSplit(histogram, leaf.sums, search)
  return { ...leaf, histogram, split }
}

function takeHistogram({ workspace, matrix }: Growth): Histogram {
  return workspace.histograms.pop() ?? newHistogram(matrix)
}

/** Moves the rows that go left before those that go right, both in their old order; returns the border. */
function partRows({ index, begin, end }: RowRange, split: Split, growth: Growth): number {
  const { words, wordsPerRow } = growth.matrix
  const word = Math.floor(split.feature / LANES)
  const shift = (split.feature % LANES) * 8
  // One turn of the byte makes the missing bin, 255, the lowest: one comparison then tells the side.
  const turn = split.missingLeft ? 1 : 0
  const lastLeft = split.bin + turn
  const { aside } = growth.workspace
  let [left, right] = [begin, 0]
  for (let position = begin; position < end; position++) {
    const row = index[position] ?? 0
    const bins = words[row * wordsPerRow + word] ?? 0
    const isRight = (lastLeft - (((bins >>> shift) + turn) & 255)) >>> 31
    // Written to both sides and kept on one: a branch would be mispredicted for half of the rows.
    index[left] = row
    aside[right] = row
    right += isRight
    left += 1 - isRight
  }
  index.set(aside.subarray(0, right), left)
  return left
}
