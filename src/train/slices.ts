import type { Frame, FrameInput } from '@gyre/sdk'
import { GyreError } from '../core/errors.ts'
import type { Column, Columns } from '../store/analytics.ts'

/** Where a row has no value. */
const MISSING = 'missing'

/**
 * The numbers of the rows with each value of `by`, by the value as text: a column of the rows, or else an input of
 * the model, a transform's output for one. Throws INVALID_ARGUMENT where there is neither.
 */
export function slicesBy(
  by: string,
  { columns, rowCount }: Columns,
  { inputs }: Frame,
): ReadonlyMap<string, readonly number[]> {
  const column = columns.find(({ name }) => name === by)
  const input = inputs.find(({ name }) => name === by)
  const valueAt = column ? columnReader(column) : input && inputReader(input)
  if (!valueAt) {
    const known = [...new Set([...columns, ...inputs].map(({ name }) => name))]
    throw new GyreError(
      'INVALID_ARGUMENT',
      `by: the rows have no column ${by}; there are ${known.join(', ')}`,
      { field: 'by', known },
    )
  }
  const slices = new Map<string, number[]>()
  for (let row = 0; row < rowCount; row++) {
    const value = valueAt(row) ?? MISSING
    const rows = slices.get(value)
    if (rows) rows.push(row)
    else slices.set(value, [row])
  }
  return slices
}

type ValueAt = (row: number) => string | undefined

function columnReader(column: Column): ValueAt {
  const { valid, type } = column
  const isPresent = (row: number): boolean => valid?.[row] !== 0
  if (column.kind === 'text') {
    const { keys, index } = column.values
    return (row) => (isPresent(row) ? keys[index[row] ?? -1] : undefined)
  }
  const { values } = column
  const textOf = type === 'BOOLEAN' ? (value: number) => String(value === 1) : String
  return (row) => (isPresent(row) ? textOf(values[row] ?? Number.NaN) : undefined)
}

function inputReader(input: FrameInput): ValueAt {
  if (input.kind === 'category') {
    const { categories, index } = input
    return (row) => categories[index[row] ?? -1]
  }
  const { values } = input
  return (row) => (Number.isNaN(values[row]) ? undefined : String(values[row]))
}
