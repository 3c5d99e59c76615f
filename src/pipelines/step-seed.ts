import { GyreError } from '../core/errors.ts'
import type { Params } from './params.ts'

/** A step's seed: its own `seed` input, else the pipeline's `seed` parameter, else 0. Throws INVALID_ARGUMENT. */
export function seedOf(inputs: Params, params: Params): number {
  const seed = inputs['seed'] ?? params['seed'] ?? 0
  if (typeof seed === 'number' && Number.isSafeInteger(seed)) return seed
  throw new GyreError(
    'INVALID_ARGUMENT',
    `seed: expected an integer, got ${JSON.stringify(seed)}`,
    {
      field: 'seed',
    },
  )
}
