import { seededRandom, type Random } from '../core/random.ts'
import { binMatrix, type BinnedMatrix } from './bins.ts'
import type { GbdtOptions } from './gbdt-options.ts'
import { fillGradients, newGradients } from './gradients.ts'
import { growTree, type GrownTree } from './grow.ts'
import { logit } from './logistic.ts'
import { countPositives, type LabelledRows } from './matrix.ts'
import { addTree, type Tree } from './tree.ts'

/** A training under way: every tree lowers the loss that the trees before it left. */
export interface Boosting {
  /** The log-odds of the share of ones. */
  readonly prior: number
  /** Undefined once no split is worth anything. */
  nextTree(): Tree | undefined
  /** Goes on behind a tree that the same training, cut off since, has grown at this place. */
  takeTree(tree: Tree): void
}

export function startBoosting({ matrix, labels }: LabelledRows, options: GbdtOptions): Boosting {
  const random = seededRandom(options.seed)
  const binned = binMatrix(matrix, options.maxBins, random)
  const usable = Int32Array.from(varyingFeatures(matrix.columns, binned))
  const prior = logit(countPositives(labels) / matrix.rows)
  const scores = new Float64Array(matrix.rows).fill(prior)
  const gradients = newGradients(matrix.rows)
  const workspace = { histograms: [], aside: new Int32Array(matrix.rows) }
  const outside = new Uint8Array(matrix.rows)
  const isSampled = options.rowShare < 1 || options.featureShare < 1

  /** The rows and features of the next tree. */
  function draw(): { readonly index: Int32Array; readonly features: Int32Array } {
    const index = drawShare(matrix.rows, options.rowShare, random)
    const positions = drawShare(usable.length, options.featureShare, random)
    return { index, features: positions.map((position) => usable[position] ?? 0) }
  }

  return {
    prior,
    takeTree(tree) {
      draw()
      addTree(scores, tree, matrix)
    },
    nextTree() {
      if (usable.length === 0) return undefined
      fillGradients(gradients, scores, labels)
      const { index, features } = draw()
      const grown = growTree(index, {
        matrix: binned,
        gradients,
        features,
        limits: options,
        workspace,
      })
      if (grown.leaves.length === 1 && !isSampled) return undefined
      addLeaves(scores, grown)
      if (index.length < matrix.rows)
        addTree(scores, grown.tree, matrix, maskOutside(outside, index))
      return grown.tree
    },
  }
}

/** The features with a cut, or with both missing and present values. */
function varyingFeatures(columns: readonly Float32Array[], { cuts }: BinnedMatrix): number[] {
  return [...columns.keys()].filter((feature) => {
    if ((cuts[feature]?.length ?? 0) > 0) return true
    const missing = columns[feature]?.filter((value) => Number.isNaN(value)).length
    return missing !== 0 && missing !== columns[feature]?.length
  })
}

function addLeaves(scores: Float64Array, { leaves }: GrownTree): void {
  for (const { rows, value } of leaves) {
    for (let position = rows.begin; position < rows.end; position++) {
      const row = rows.index[position] ?? 0
      scores[row] = (scores[row] ?? 0) + value
    }
  }
}

/** Writes 1 for every row that is not in `index`. */
function maskOutside(outside: Uint8Array, index: Int32Array): Uint8Array {
  outside.fill(1)
  for (const row of index) outside[row] = 0
  return outside
}

/**
 * A share of 0 … count − 1, at least one, ascending and without replacement.
 * Source: Knuth, TAOCP vol. 2, 3.4.2, algorithm S.
 */
function drawShare(count: number, share: number, random: Random): Int32Array {
  const wanted = Math.max(1, Math.round(count * share))
  const drawn = new Int32Array(wanted)
  let taken = 0
  for (let candidate = 0; taken < wanted; candidate++) {
    if (wanted < count && random() * (count - candidate) >= wanted - taken) continue
    drawn[taken++] = candidate
  }
  return drawn
}
