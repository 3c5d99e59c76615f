import type { ColumnContract, DatasetSpec } from '@gyre/sdk/wire/dataset'
import { GyreError } from '../core/errors.ts'
import { FILE_ROW_NUMBER } from './source.ts'

/** Name of the subject column where a spec gives none. */
const DEFAULT_SUBJECT = 'row'

/** The column that says what a row is about. */
export function subjectColumn(spec: DatasetSpec): string {
  return spec.subject ?? DEFAULT_SUBJECT
}

/** Throws INVALID_ARGUMENT naming the first member that cannot be meant. */
export function assertDatasetSpec(spec: DatasetSpec): void {
  const derived = Object.keys(spec.derive ?? {})
  for (const [name, contract] of Object.entries(spec.columns)) assertColumn(name, contract)
  for (const name of derived)
    if (name in spec.columns)
      throw invalid(`derive.${name}`, 'a name that no column of the file has')
  for (const name of [...Object.keys(spec.columns), ...derived, subjectColumn(spec)])
    if (name === FILE_ROW_NUMBER) throw invalid(name, 'another name: DuckDB keeps this one')
}

/** Names the spec points at, besides those of its contract, that must be columns of what was imported. */
export function assertPointers(spec: DatasetSpec, types: ReadonlyMap<string, string>): void {
  const pointers = [
    { field: 'at', column: spec.at, expected: 'TIMESTAMP' },
    { field: 'label.knownAt', column: spec.label?.knownAt, expected: 'TIMESTAMP' },
    { field: 'label.column', column: spec.label?.column, expected: undefined },
  ]
  for (const { field, column, expected } of pointers) {
    if (column === undefined) continue
    const type = types.get(column)
    if (type === undefined)
      throw invalid(field, `one of the columns ${[...types.keys()].join(', ')}, got ${column}`)
    if (expected !== undefined && type !== expected)
      throw invalid(field, `a timestamp, but ${column} is ${type}`)
  }
}

function assertColumn(name: string, contract: ColumnContract): void {
  const { type } = contract
  const bounded = contract.min !== undefined || contract.max !== undefined
  const worded = contract.pattern !== undefined || contract.oneOf !== undefined
  if (bounded && (type === 'text' || type === 'boolean'))
    throw invalid(`columns.${name}`, `no min or max on a column of type ${type}`)
  if (worded && type !== 'text')
    throw invalid(`columns.${name}`, `no pattern or oneOf on a column of type ${type}`)
  if (contract.matches !== undefined)
    throw invalid(
      `columns.${name}.matches`,
      'to stand in an endpoint: views are computed from the dataset, after its import',
    )
}

function invalid(field: string, expected: string): GyreError {
  return new GyreError('INVALID_ARGUMENT', `${field}: expected ${expected}`, { field })
}
