import { sigmoid } from '../core/logits.ts'
import { scoreGbdt, type GbdtModel } from './gbdt.ts'
import { scoreLinear, type LinearModel } from './linear.ts'
import { assertFeatures, type Matrix } from './matrix.ts'

/** A trained classifier. */
export type Model = GbdtModel | LinearModel

/**
 * P(label = 1) of every row. Throws INVALID_ARGUMENT unless the matrix has the model's features in the
 * model's order.
 */
export function predict(model: Model, matrix: Matrix): Float64Array {
  assertFeatures(matrix, model.names)
  return scoresOf(model, matrix).map(sigmoid)
}

function scoresOf(model: Model, matrix: Matrix): Float64Array {
  switch (model.kind) {
    case 'gbdt':
      return scoreGbdt(model, matrix)
    case 'linear':
      return scoreLinear(model, matrix)
  }
}
