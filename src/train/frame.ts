import type { Frame, FrameInput } from '@gyre/sdk'
import type { ModelInput } from '@gyre/sdk/wire/feature'
import type { ModelSpec } from '@gyre/sdk/wire/model'
import type { RowSet } from '@gyre/sdk/wire/pipeline'
import { GyreError } from '../core/errors.ts'
import { outputOf, type Transform } from '../infer/transforms.ts'
import type { Column, Columns, TextColumn } from '../store/analytics.ts'

export interface TransformCode {
  readonly from: readonly string[]
  readonly gives: readonly string[]
  readonly apply: Transform
}

type TransformOutputs = ReadonlyMap<string, Float32Array>

/**
 * A row set's Parquet columns as a frame: fields and features as they are, transforms applied row by row.
 * Throws INVALID_ARGUMENT naming a column that is absent or of the wrong type.
 */
export function frameOf(
  set: RowSet,
  columns: Columns,
  transforms: ReadonlyMap<string, TransformCode>,
): Frame {
  const byName = new Map(columns.columns.map((column) => [column.name, column]))
  const used = new Set(
    set.inputs.flatMap((input) => (input.kind === 'transform' ? [input.transform] : [])),
  )
  const outputs = new Map(
    [...used].map((name) => [
      name,
      applyTransform(name, transforms.get(name), byName, columns.rowCount),
    ]),
  )
  return {
    set,
    rows: columns.rowCount,
    label: Uint8Array.from(numbers(byName, set.label)),
    at: Float64Array.from(numbers(byName, set.at)),
    inputs: set.inputs.map((input) => inputOf(input, byName, outputs)),
  }
}

/** The request fields that the inputs of a row set are made of, by type. */
export function fieldsOf(
  set: RowSet,
  columns: Columns,
  transforms: ReadonlyMap<string, { readonly from: readonly string[] }>,
): ModelSpec['fields'] {
  const names = set.inputs.flatMap((input) => fieldsOfInput(input, transforms))
  const types = new Map(columns.columns.map((column) => [column.name, fieldType(column)]))
  return Object.fromEntries([...new Set(names)].map((name) => [name, types.get(name) ?? 'number']))
}

function fieldsOfInput(
  input: ModelInput,
  transforms: ReadonlyMap<string, { readonly from: readonly string[] }>,
): readonly string[] {
  switch (input.kind) {
    case 'field':
    case 'rate':
      return [input.field]
    case 'transform':
      return transforms.get(input.transform)?.from ?? []
    case 'feature':
      return []
  }
}

function fieldType(column: Column): 'timestamp' | 'number' | 'text' {
  if (column.kind === 'text') return 'text'
  return isTime(column) ? 'timestamp' : 'number'
}

function isTime(column: Column): boolean {
  return column.type.startsWith('TIMESTAMP') || column.type === 'DATE'
}

function inputOf(
  input: ModelInput,
  columns: ReadonlyMap<string, Column>,
  outputs: ReadonlyMap<string, TransformOutputs>,
): FrameInput {
  switch (input.kind) {
    case 'field':
      return { kind: 'number', name: input.name, values: presentOrNaN(columns, input.field) }
    case 'feature':
      return {
        kind: 'number',
        name: input.name,
        values: presentOrNaN(columns, `${input.view}:${input.feature}`),
      }
    case 'transform': {
      const values = outputs.get(input.transform)?.get(input.output)
      if (!values) throw absent(`transform ${input.transform} gave no ${input.output}`, input.name)
      return { kind: 'number', name: input.name, values }
    }
    case 'rate': {
      const { values, valid } = texts(columns, input.field)
      const index = valid
        ? values.index.map((at, row) => (valid[row] === 0 ? -1 : at))
        : values.index
      return {
        kind: 'category',
        name: input.name,
        prior: input.prior,
        categories: values.keys,
        index,
      }
    }
  }
}

/** Runs user code over every row: it must give all that it declares, as it must when it is served. */
function applyTransform(
  name: string,
  code: TransformCode | undefined,
  columns: ReadonlyMap<string, Column>,
  rows: number,
): TransformOutputs {
  if (!code) throw absent(`transform ${name} is not in the project`, name)
  const readers = code.from.map((field) => [field, cellReader(columns, field)] as const)
  const outputs = code.gives.map((output) => [output, new Float32Array(rows)] as const)
  for (let row = 0; row < rows; row++) {
    const given = code.apply(Object.fromEntries(readers.map(([field, read]) => [field, read(row)])))
    for (const [output, column] of outputs) {
      const value = outputOf(given, output)
      if (value === undefined)
        throw new GyreError(
          'STEP_FAILED',
          `transform ${name}: ${output} of row ${row}: expected a number or null, got ${typeof given[output]}`,
          { transform: name, output, row },
        )
      column[row] = value
    }
  }
  return new Map(outputs)
}

type CellReader = (row: number) => Date | number | string | null

function cellReader(columns: ReadonlyMap<string, Column>, name: string): CellReader {
  const column = columnNamed(columns, name)
  const { valid } = column
  if (column.kind === 'text') {
    const { keys, index } = column.values
    return (row) => (valid?.[row] === 0 ? null : (keys[index[row] ?? -1] ?? null))
  }
  const { values } = column
  if (isTime(column))
    return (row) => (valid?.[row] === 0 ? null : new Date(values[row] ?? Number.NaN))
  return (row) => (valid?.[row] === 0 ? null : (values[row] ?? null))
}

function presentOrNaN(columns: ReadonlyMap<string, Column>, name: string): Float32Array {
  const values = Float32Array.from(numbers(columns, name))
  const { valid } = columnNamed(columns, name)
  if (valid)
    for (let row = 0; row < values.length; row++) if (valid[row] === 0) values[row] = Number.NaN
  return values
}

function numbers(columns: ReadonlyMap<string, Column>, name: string): Float64Array | Int32Array {
  const column = columnNamed(columns, name)
  if (column.kind === 'text') throw absent(`column ${name} is text, a number is needed`, name)
  return column.values
}

function texts(columns: ReadonlyMap<string, Column>, name: string): TextColumn {
  const column = columnNamed(columns, name)
  if (column.kind !== 'text') throw absent(`column ${name} is ${column.type}, text is needed`, name)
  return column
}

function columnNamed(columns: ReadonlyMap<string, Column>, name: string): Column {
  const column = columns.get(name)
  if (!column) throw absent(`the row set has no column ${name}`, name)
  return column
}

function absent(message: string, field: string): GyreError {
  return new GyreError('INVALID_ARGUMENT', message, { field })
}
