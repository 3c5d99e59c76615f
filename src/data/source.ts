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
  format: DatasetSpec['source']['format'],
  path: string,
): Promise<Source> {
  const reader = READERS[format](sqlText(path))
  try {
    const columns = await describe(analytics, reader)
    const scan =
      format === 'parquet'
        ? `(SELECT * RENAME (${FILE_ROW_NUMBER} AS ${sqlName(ROW_NUMBER)}) FROM ${reader})`
        : `(SELECT *, row_number() OVER () - 1 AS ${sqlName(ROW_NUMBER)} FROM ${reader})`
    return { scan, columns: columns.filter((column) => column.name !== FILE_ROW_NUMBER) }
  } catch (thrown) {
    const reason = reasonOf(toGyreError(thrown), path)
    throw new GyreError('INVALID_INPUT', `source: not readable as ${format}: ${reason}`, {}, thrown)
  }
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
