import type { GbdtModel } from './gbdt.ts'
import { LEAF } from './tree.ts'

/** How much a feature's splits took off the training loss, as a share of what all splits did. */
export interface Importance {
  readonly name: string
  readonly share: number
}

/** Every feature's importance by gain, the largest first; all shares are 0 in a model without splits. */
export function gainImportance({ names, trees }: GbdtModel): readonly Importance[] {
  const gains = new Float64Array(names.length)
  for (const tree of trees) {
    for (const [node, feature] of tree.features.entries())
      if (feature !== LEAF) gains[feature] = (gains[feature] ?? 0) + (tree.gains[node] ?? 0)
  }
  const total = gains.reduce((sum, gain) => sum + gain, 0) || 1
  return names
    .map((name, feature) => ({ name, share: (gains[feature] ?? 0) / total }))
    .toSorted((a, b) => b.share - a.share)
}
