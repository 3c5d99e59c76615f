import type { Frame } from '@gyre/sdk'
import type { RateTable } from '@gyre/sdk/wire/model'
import { GyreError } from '../core/errors.ts'
import { matrixOf, type Matrix } from './matrix.ts'

/** The matrix a served model sees: categories through its learned rates. */
export function servedMatrix(frame: Frame, rates: Readonly<Record<string, RateTable>>): Matrix {
  const columns = frame.inputs.map((input) => {
    if (input.kind === 'number') return input.values
    const table = rates[input.name]
    if (!table)
      throw new GyreError(
        'INVALID_ARGUMENT',
        `inputs.${input.name}: the model learned no rates for it`,
      )
    const known = input.categories.map((category) => table.values[category] ?? table.default)
    return Float32Array.from(input.index, (category) => known[category] ?? table.default)
  })
  const names = frame.inputs.map((input) => input.name)
  return matrixOf(names, columns)
}
