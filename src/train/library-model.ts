import { z } from 'zod'
import type { Model } from './model.ts'
import { LEAF, type Tree } from './tree.ts'

const node = z.int().min(0)

/** A tree of a library as its script writes it; null is an infinite threshold. */
const LibraryTree = z.strictObject({
  features: z.array(z.int().min(LEAF)).min(1),
  thresholds: z.array(z.number().nullable()),
  missingLeft: z.array(z.int().min(0).max(1)),
  lefts: z.array(node),
  rights: z.array(node),
  values: z.array(z.number()),
  gains: z.array(z.number()),
})

const LibraryModel = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('gbdt'),
    prior: z.number(),
    trees: z.array(LibraryTree),
  }),
  z.strictObject({
    kind: z.literal('linear'),
    means: z.array(z.number()),
    scales: z.array(z.number()),
    weights: z.array(z.number()),
    intercept: z.number(),
  }),
])

/**
 * The model that a library has learned, from what its script wrote. Libraries compare and add in float64, and so does
 * what becomes of it here.
 */
export function libraryModel(names: readonly string[], written: unknown): Model {
  const model = LibraryModel.parse(written)
  return model.kind === 'linear'
    ? { names, ...model }
    : { names, ...model, trees: model.trees.map(treeOf) }
}

function treeOf(tree: z.infer<typeof LibraryTree>): Tree {
  return {
    features: Int32Array.from(tree.features),
    thresholds: Float64Array.from(tree.thresholds, (value) => value ?? Infinity),
    missingLeft: Uint8Array.from(tree.missingLeft),
    lefts: Int32Array.from(tree.lefts),
    rights: Int32Array.from(tree.rights),
    values: Float64Array.from(tree.values),
    gains: Float64Array.from(tree.gains),
  }
}
