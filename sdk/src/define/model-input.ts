import type { ModelInput } from '../wire/feature.ts'
import { DefinitionError } from './definition-error.ts'
import { checkName } from './name.ts'

/** A number of the request as an input of a model. */
export type FieldInput = Extract<ModelInput, { kind: 'field' }>
/** The learned rate of a category as an input of a model. */
export type RateInput = Extract<ModelInput, { kind: 'rate' }>
/** A feature of a view as an input of a model; null where it is unknown or too old. */
export type FeatureInput = Extract<ModelInput, { kind: 'feature' }>
/** An output of a transform as an input of a model. */
export type TransformInput = Extract<ModelInput, { kind: 'transform' }>

/** Pseudo-rows at the overall mean that a category's own rows are weighed against. */
const DEFAULT_PRIOR_ROWS = 20

/** A number of the request, as it comes. */
export function field(name: string): FieldInput {
  checkName('field', name)
  return { kind: 'field', name, field: name }
}

/**
 * The label's mean per category of a request field, learned on the training part and carried by the model.
 * With `n` rows of sum `s` in a category it is `(s + prior · m) / (n + prior)`, `m` the overall mean.
 * It is called `FIELD_rate` among the model's inputs.
 */
export function rate(name: string, options: { readonly prior?: number } = {}): RateInput {
  const { prior = DEFAULT_PRIOR_ROWS } = options
  checkName('rate', name)
  if (!(Number.isFinite(prior) && prior > 0))
    throw new DefinitionError(`rate ${name}.prior`, `expected rows above 0, got ${prior}`)
  return { kind: 'rate', name: `${name}_rate`, field: name, prior }
}
