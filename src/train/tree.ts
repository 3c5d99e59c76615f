import { z } from 'zod'
import type { Matrix } from './matrix.ts'

/**
 * A binary decision tree as columns, one entry per node, the root first, children behind their parent.
 * A row goes left where `value ≤ threshold`; a missing value goes left where `missingLeft` is 1.
 */
export const Tree = z.strictObject({
  /** The feature a node asks for, or `LEAF`. */
  features: z.instanceof(Int32Array),
  /** `Infinity` parts the present values (left) from the missing ones. */
  thresholds: z.union([z.instanceof(Float32Array), z.instanceof(Float64Array)]),
  missingLeft: z.instanceof(Uint8Array),
  lefts: z.instanceof(Int32Array),
  rights: z.instanceof(Int32Array),
  /** What a leaf adds to the score, in log-odds; 0 in inner nodes. */
  values: z.union([z.instanceof(Float32Array), z.instanceof(Float64Array)]),
  /** What the split of an inner node took off the loss (see split.ts); 0 in leaves. */
  gains: z.instanceof(Float64Array),
})
export type Tree = Readonly<z.infer<typeof Tree>>

/** The feature of a node that asks for none. */
export const LEAF = -1

/** One node of a tree that is still growing. */
export interface TreeNode {
  readonly feature: number
  readonly threshold: number
  readonly missingLeft: boolean
  readonly left: number
  readonly right: number
  readonly value: number
  readonly gain: number
}

export function leafNode(): TreeNode {
  return { feature: LEAF, threshold: 0, missingLeft: false, left: 0, right: 0, value: 0, gain: 0 }
}

export function treeOf(nodes: readonly TreeNode[]): Tree {
  return {
    features: Int32Array.from(nodes, (node) => node.feature),
    thresholds: Float32Array.from(nodes, (node) => node.threshold),
    missingLeft: Uint8Array.from(nodes, (node) => Number(node.missingLeft)),
    lefts: Int32Array.from(nodes, (node) => node.left),
    rights: Int32Array.from(nodes, (node) => node.right),
    values: Float32Array.from(nodes, (node) => node.value),
    gains: Float64Array.from(nodes, (node) => node.gain),
  }
}

/** Adds the tree's leaf values to `scores` (log-odds, one per row), in all rows or where `only` is 1. */
export function addTree(scores: Float64Array, tree: Tree, matrix: Matrix, only?: Uint8Array): void {
  for (let row = 0; row < matrix.rows; row++) {
    if (only && only[row] === 0) continue
    const leaf = leafOf(tree, matrix.columns, row)
    scores[row] = (scores[row] ?? 0) + (tree.values[leaf] ?? 0)
  }
}

/** The node a row ends in. */
function leafOf(tree: Tree, columns: readonly Float32Array[], row: number): number {
  let node = 0
  for (;;) {
    const feature = tree.features[node] ?? 0
    if (feature === LEAF) return node
    const value = columns[feature]?.[row] ?? NaN
    const goesLeft =
      value <= (tree.thresholds[node] ?? 0) || (tree.missingLeft[node] === 1 && Number.isNaN(value))
    node = (goesLeft ? tree.lefts[node] : tree.rights[node]) ?? 0
  }
}
