import type { z } from 'zod'
import { startBoosting } from './boosting.ts'
import { watchValidation } from './early-stopping.ts'
import { GbdtOptions } from './gbdt-options.ts'
import { assertFeatures, assertLabelled, assertTrainable } from './matrix.ts'
import type { LabelledRows, Matrix } from './matrix.ts'
import { parseOptions } from './options.ts'
import { toItsEnd } from './rounds.ts'
import { addTree, type Tree } from './tree.ts'

/** Boosted trees: the score, in log-odds, is `prior` plus every tree's leaf value. */
export interface GbdtModel {
  readonly kind: 'gbdt'
  readonly names: readonly string[]
  readonly prior: number
  readonly trees: readonly Tree[]
}

/** What is known after a round, the first being 1. */
interface GbdtRound {
  readonly round: number
  readonly validationLogLoss: number | undefined
}

export interface GbdtTraining {
  readonly train: LabelledRows
  /** Rows to stop early on, never learned from; the model keeps the trees up to their best round. */
  readonly validation?: LabelledRows
  readonly options?: z.input<typeof GbdtOptions>
  readonly onRound?: (round: GbdtRound) => void
  /** The first trees of the same training, cut off since: it ends with the model that it would have had. */
  readonly grown?: readonly Tree[]
}

/**
 * Learns P(label = 1) by histogram gradient boosting with logistic loss. The same rows, options and seed
 * give the same model to the bit. Features that never vary are not asked for; where all are such, the
 * model is the share of ones. Throws INVALID_ARGUMENT naming the option or the input that does not fit.
 */
export function trainGbdt(training: GbdtTraining): GbdtModel {
  return toItsEnd(boost(training))
}

/** As `trainGbdt`, a tree at a time: gives all the trees there are. */
export function* boost({
  train,
  validation,
  options,
  onRound,
  grown = [],
}: GbdtTraining): Generator<readonly Tree[], GbdtModel> {
  const chosen = parseOptions(GbdtOptions, options ?? {})
  assertTrainable(train)
  if (validation) assertFeatures(validation.matrix, train.matrix.names)
  if (validation) assertLabelled(validation, 'validation.labels')
  const boosting = startBoosting(train, chosen)
  const { prior } = boosting
  const stopping = validation && watchValidation(validation, prior, chosen.patience)
  const trees: Tree[] = []
  for (const tree of grown) {
    boosting.takeTree(tree)
    stopping?.measure(tree)
    trees.push(tree)
  }
  while (trees.length < chosen.rounds && !stopping?.isOver()) {
    const tree = boosting.nextTree()
    if (!tree) break
    trees.push(tree)
    onRound?.({ round: trees.length, validationLogLoss: stopping?.measure(tree) })
    yield trees
  }
  const kept = stopping ? trees.slice(0, stopping.bestRound()) : trees
  return { kind: 'gbdt', names: train.matrix.names, prior, trees: kept }
}

/** The score of every row in log-odds; the matrix has the model's features (see `predict` in model.ts). */
export function scoreGbdt({ prior, trees }: GbdtModel, matrix: Matrix): Float64Array {
  const scores = new Float64Array(matrix.rows).fill(prior)
  for (const tree of trees) addTree(scores, tree, matrix)
  return scores
}
