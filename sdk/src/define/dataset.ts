import type { Column } from './column.ts'
import { DefinitionError } from './definition-error.ts'
import { DEFINITION, type Defined } from './definition.ts'
import { checkKnown, checkName } from './name.ts'
import { keysOf } from './record.ts'
import type { Source } from './source.ts'

type Columns = Readonly<Record<string, Column>>

/** Names of a dataset's columns, those of the file and the derived ones. */
type ColumnName<C, D extends string> = (keyof C & string) | D

/** Where a dataset's rows come from, what each must be, and what they mean. */
export interface DatasetOptions<C extends Columns, D extends string> {
  readonly source: Source
  readonly columns: C
  /** Name → DuckDB expression over the file's columns and the derived ones above it. */
  readonly derive?: Readonly<Record<D, string>>
  /** What a row is about. Not a column: then it is the row's number in the file, from 0. */
  readonly subject?: string
  /** The column that says when a row happened. */
  readonly at?: NoInfer<ColumnName<C, D>>
  /** The column to predict, and the one that says from when on it is known. */
  readonly label?: {
    readonly column: NoInfer<ColumnName<C, D>>
    readonly knownAt: NoInfer<ColumnName<C, D>>
  }
}

/** Rows to learn from, and what they must be. */
export interface Dataset<
  C extends Columns = Columns,
  D extends string = string,
> extends Defined<'dataset'> {
  readonly columns: C
  readonly derived: readonly D[]
}

/**
 * Defines a dataset. Its file is checked against `columns` when it is imported.
 * Throws DefinitionError naming a column that is not there or a name that is defined twice.
 */
export function dataset<C extends Columns, D extends string = never>(
  name: string,
  options: DatasetOptions<C, D>,
): Dataset<C, D> {
  const here = `dataset ${name}`
  checkName('dataset', name)
  const derived: readonly D[] = options.derive ? keysOf(options.derive) : []
  checkColumns(here, options, derived)
  const { source, columns, derive, subject, at, label } = options
  const contracts = Object.entries(columns).map(([key, { contract }]) => [key, contract] as const)
  const spec = {
    name,
    source,
    columns: Object.fromEntries(contracts),
    ...(derive && { derive }),
    ...(subject !== undefined && { subject }),
    ...(at !== undefined && { at }),
    ...(label && { label }),
  }
  return { [DEFINITION]: { kind: 'dataset', spec }, columns, derived }
}

function checkColumns<C extends Columns, D extends string>(
  here: string,
  { columns, subject, at, label }: DatasetOptions<C, D>,
  derived: readonly D[],
): void {
  const known = [...Object.keys(columns), ...derived]
  for (const key of known) checkName(`${here}.columns`, key)
  for (const [key, value] of Object.entries(columns))
    if (value?.contract === undefined)
      throw new DefinitionError(
        `${here}.columns.${key}`,
        'expected a column such as int() or text(); a preset makes it a parameter',
      )
  const twice = derived.find((key) => Object.hasOwn(columns, key))
  if (twice)
    throw new DefinitionError(`${here}.derive.${twice}`, 'the file has that column already')
  if (subject !== undefined) checkName(`${here}.subject`, subject)
  if (at !== undefined) checkKnown(`${here}.at`, at, known)
  if (label) checkKnown(`${here}.label.column`, label.column, known)
  if (label) checkKnown(`${here}.label.knownAt`, label.knownAt, known)
}
