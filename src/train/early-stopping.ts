import { logLossOfScores } from './logistic.ts'
import type { LabelledRows } from './matrix.ts'
import { addTree, type Tree } from './tree.ts'

/** Follows the log loss of rows that are not learned from, tree by tree. */
export interface Validation {
  /** The log loss, in nats, with this tree added. */
  measure(tree: Tree): number
  /** The number of trees with the lowest log loss so far; 0 where the prior alone is best. */
  bestRound(): number
  /** Whether the last `patience` trees brought no new best. */
  isOver(): boolean
}

export function watchValidation(
  { matrix, labels }: LabelledRows,
  prior: number,
  patience: number,
): Validation {
  const scores = new Float64Array(matrix.rows).fill(prior)
  let [round, bestRound] = [0, 0]
  let bestLoss = logLossOfScores(scores, labels)
  return {
    measure(tree) {
      addTree(scores, tree, matrix)
      const loss = logLossOfScores(scores, labels)
      round += 1
      if (loss < bestLoss) [bestLoss, bestRound] = [loss, round]
      return loss
    },
    bestRound: () => bestRound,
    isOver: () => round - bestRound >= patience,
  }
}
