import { z } from 'zod'
import { LEAF, type Tree } from './tree.ts'

const Columns = z.strictObject({
  features: z.array(z.int().min(LEAF)).min(1),
  thresholds: z.array(z.number().nullable()),
  missingLeft: z.array(z.union([z.literal(0), z.literal(1)])),
  lefts: z.array(z.int().min(0)),
  rights: z.array(z.int().min(0)),
  values: z.array(z.number()),
  gains: z.array(z.number()),
})

/** A tree in JSON: the columns of `Tree` as arrays, a threshold of Infinity as null. */
export const TreeJson = Columns.refine(hasEqualColumns, {
  error: 'expected columns of equal length',
}).refine(hasChildrenBehindParents, { error: 'expected both children of a node behind it' })
export type TreeJson = z.infer<typeof Columns>

export function treeToJson(tree: Tree): TreeJson {
  return {
    features: [...tree.features],
    thresholds: Array.from(tree.thresholds, (value) => (value === Infinity ? null : value)),
    missingLeft: Array.from(tree.missingLeft, (flag) => (flag === 1 ? 1 : 0)),
    lefts: [...tree.lefts],
    rights: [...tree.rights],
    values: [...tree.values],
    gains: [...tree.gains],
  }
}

export function treeFromJson(json: TreeJson): Tree {
  return {
    features: Int32Array.from(json.features),
    thresholds: Float32Array.from(json.thresholds, (value) => value ?? Infinity),
    missingLeft: Uint8Array.from(json.missingLeft),
    lefts: Int32Array.from(json.lefts),
    rights: Int32Array.from(json.rights),
    values: Float32Array.from(json.values),
    gains: Float64Array.from(json.gains),
  }
}

function hasEqualColumns(tree: TreeJson): boolean {
  return Object.values(tree).every((column) => column.length === tree.features.length)
}

/** Such a tree has no cycle, so that a walk down ends. */
function hasChildrenBehindParents({ features, lefts, rights }: TreeJson): boolean {
  return features.every((feature, node) => {
    if (feature === LEAF) return true
    const children = [lefts[node] ?? 0, rights[node] ?? 0]
    return children.every((child) => child > node && child < features.length)
  })
}
