import type { DatasetSpec } from '@gyre/sdk/wire/dataset'
import { GyreError, toGyreError } from '../core/errors.ts'
import { sqlName, sqlText, type Analytics } from '../store/analytics.ts'
import { textCell } from './cell.ts'

/** A column as DuckDB reads it from the file. */
export interface SourceColumn {
  readonly name: string
  /** DuckDB's type: `BIGINT`, `DECIMAL(10,2)`. */
  readonly type: string
}

/** An uploaded file, opened: what to put behind FROM, and which columns come out. */
export interface Source {
  readonly format: DatasetSpec['source']['format']
  readonly path: string
  readonly scan: string
  readonly columns: readonly SourceColumn[]
}

/** The row's number in the file, from 0. A space keeps it apart from every name a spec may hold. */
export const ROW_NUMBER = 'gyre row'

/** DuckDB's own pseudo column of a Parquet scan, so no column of a dataset may be called that. */
export const FILE_ROW_NUMBER = 'file_row_number'

const READERS = {
  parquet: (path) => `read_parquet(${path}, ${FILE_ROW_NUMBER} = true)`,
  csv: (path) => `read_csv(${path}, header = true, all_varchar = true)`,
  jsonl: (path) => `read_json(${path}, format = 'newline_delimited', sample_size = -1)`,
} as const satisfies Record<DatasetSpec['source']['format'], (path: string) => string>

/** Opens a file in the order of its rows. Throws INVALID_INPUT when it is not what the spec says. */
export async function openSource(
  analytics: Analytics,
  { source: { format }, columns: declared }: Pick<DatasetSpec, 'source' | 'columns'>,
  path: string,
): Promise<Source> {
  const reader = READERS[format](sqlText(path))
  try {
    const columns = await describe(analytics, reader)
    const [only] = columns.length === 1 ? columns : []
    if (format === 'csv' && only && !Object.hasOwn(declared, only.name))
      await assertDivided(analytics, path, only.name)
    const scan =
      format === 'parquet'
        ? `(SELECT * RENAME (${FILE_ROW_NUMBER} AS ${sqlName(ROW_NUMBER)}) FROM ${reader})`
        : `(SELECT *, row_number() OVER () - 1 AS ${sqlName(ROW_NUMBER)} FROM ${reader})`
    const ofFile = columns.filter((column) => column.name !== FILE_ROW_NUMBER)
    return { format, path, scan, columns: ofFile }
  } catch (thrown) {
    throw unreadable({ format, path }, thrown)
  }
}

/** What DuckDB finds wrong with the file, as INVALID_INPUT, of CSV with the line; what is not of the file, as it is. */
export function unreadable(
  { format, path }: Pick<Source, 'format' | 'path'>,
  thrown: unknown,
): GyreError {
  const error = toGyreError(thrown)
  if (error.code !== 'INVALID_ARGUMENT') return error
  const [, line, text, expected, got] = WRONG_LINE.exec(error.message) ?? []
  const reason =
    line === undefined
      ? reasonOf(error, path)
      : `line ${line}: expected ${expected} columns, got ${got}: ${text}`
  const details = line === undefined ? {} : { line: Number(line) }
  return new GyreError(
    'INVALID_INPUT',
    `source: not readable as ${format}: ${reason}`,
    details,
    thrown,
  )
}

const WRONG_LINE =
  /CSV Error on Line: (\d+)\nOriginal Line: (.*)\nExpected Number of Columns: (\d+) Found: (\d+)/

/** Between values, in the order in which they are tried. */
const DELIMITERS = [',', ';', '\t', '|']

/**
 * Where a row near the top has more or fewer values than there are columns, DuckDB takes every line for one value, and
 * the whole header for the name of a column. Throws what DuckDB throws when it is told how the lines are divided.
 */
async function assertDivided(analytics: Analytics, path: string, header: string): Promise<void> {
  const delimiter = DELIMITERS.find((each) => header.includes(each))
  if (delimiter === undefined) return
  const columns = header.split(delimiter).map((name) => `${sqlText(name)}: 'VARCHAR'`)
  await analytics.query(
    `SELECT max(COLUMNS(*)) FROM read_csv(${sqlText(path)}, header = true, auto_detect = false,
     delim = ${sqlText(delimiter)}, columns = {${columns.join(', ')}})`,
  )
}

/** What DuckDB found wrong, without its advice on its own options and without where we keep the file. */
function reasonOf({ message }: GyreError, path: string): string {
  const [found = ''] = message.split(/\n(?=\n|Possible |The search space|LINE )/)
  return found
    .replaceAll(`file "${path}"`, 'the file')
    .replaceAll(`file '${path}'`, 'the file')
    .replaceAll('\n', ' ')
}

/** Columns of a relation (anything that may stand behind FROM), in order. */
export async function describe(
  analytics: Analytics,
  relation: string,
): Promise<readonly SourceColumn[]> {
  const rows = await analytics.query(`DESCRIBE SELECT * FROM ${relation}`)
  return rows.map((row) => ({
    name: textCell(row, 'column_name'),
    type: textCell(row, 'column_type'),
  }))
}
