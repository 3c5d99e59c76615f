import { GyreError } from '../core/errors.ts'

/** Features of N rows, one column per feature, all of length `rows`; NaN is a missing value. */
export interface Matrix {
  readonly names: readonly string[]
  readonly rows: number
  readonly columns: readonly Float32Array[]
}

/** One 0 or 1 per row. */
export type Labels = Uint8Array | Float32Array

/** Rows with the answers to learn from or to be measured against. */
export interface LabelledRows {
  readonly matrix: Matrix
  readonly labels: Labels
}

/**
 * A matrix of `columns` named by `names`. Throws INVALID_ARGUMENT when there is no column, a name is
 * empty or given twice, or the columns differ in number from the names or in length from each other.
 */
export function matrixOf(names: readonly string[], columns: readonly Float32Array[]): Matrix {
  const rows = columns[0]?.length
  if (rows === undefined) throw invalidArgument('columns', 'at least one feature column')
  if (names.length !== columns.length)
    throw invalidArgument('names', `${columns.length} names, one per column, not ${names.length}`)
  for (const [index, name] of names.entries()) {
    if (name === '') throw invalidArgument(`names[${index}]`, 'a name that is not empty')
    if (names.indexOf(name) !== index) throw invalidArgument(`names[${index}]`, `${name} only once`)
  }
  for (const [index, column] of columns.entries()) {
    if (column.length !== rows)
      throw invalidArgument(`columns.${names[index]}`, `${rows} rows, not ${column.length}`)
  }
  return { names, rows, columns }
}

/** The values row after row, as a model file takes them. */
export function rowMajor({ columns, rows }: Matrix): Float32Array {
  const width = columns.length
  const values = new Float32Array(rows * width)
  for (const [at, column] of columns.entries())
    for (let row = 0; row < rows; row++) values[row * width + at] = column[row] ?? Number.NaN
  return values
}

/**
 * Throws INVALID_ARGUMENT unless there are rows, one label of 0 or 1 for each, and both answers occur:
 * a classifier cannot be learned from one class.
 */
export function assertTrainable({ matrix, labels }: LabelledRows): void {
  assertLabelled({ matrix, labels }, 'labels')
  const positives = countPositives(labels)
  if (positives === 0 || positives === labels.length)
    throw invalidArgument(
      'labels',
      `both classes, but all ${labels.length} are ${positives === 0 ? 0 : 1}`,
    )
}

/** Throws INVALID_ARGUMENT naming `field` unless there are rows and one label of 0 or 1 for each. */
export function assertLabelled({ matrix, labels }: LabelledRows, field: string): void {
  if (matrix.rows === 0) throw invalidArgument('rows', 'at least one row')
  if (labels.length !== matrix.rows)
    throw invalidArgument(field, `${matrix.rows} values, one per row, not ${labels.length}`)
  const row = labels.findIndex((label) => label !== 0 && label !== 1)
  if (row >= 0) throw invalidArgument(`${field}[${row}]`, `0 or 1, not ${labels[row]}`)
}

/** Throws INVALID_ARGUMENT unless the matrix has the model's features, in the model's order. */
export function assertFeatures(matrix: Matrix, names: readonly string[]): void {
  const index = names.findIndex((name, position) => matrix.names[position] !== name)
  if (index >= 0)
    throw invalidArgument(
      `names[${index}]`,
      `${names[index]}, not ${matrix.names[index] ?? 'nothing'}`,
    )
  if (matrix.names.length > names.length)
    throw invalidArgument(`names[${names.length}]`, `nothing, not ${matrix.names[names.length]}`)
}

export function countPositives(labels: Labels): number {
  let positives = 0
  for (let row = 0; row < labels.length; row++) positives += labels[row] ?? 0
  return positives
}

/** A GyreError that names the input and what was expected of it. */
export function invalidArgument(field: string, expected: string): GyreError {
  return new GyreError('INVALID_ARGUMENT', `${field}: expected ${expected}`, { field })
}
