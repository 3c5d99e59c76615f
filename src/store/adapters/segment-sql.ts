import { sqlName, sqlText } from '../analytics.ts'
import { MARK } from './row-encode.ts'

type ColumnTypes = Readonly<Record<string, string>>

/** NDJSON files as rows of these columns; torn lines, which lack the mark, are left out. */
function selectLines(paths: readonly string[], columns: ColumnTypes): string {
  const types = Object.entries({ ...columns, [MARK]: 'UTINYINT' })
    .map(([name, type]) => `${sqlName(name)}: ${sqlText(type)}`)
    .join(', ')
  return `SELECT ${names(columns)} FROM read_json([${paths.map(sqlText).join(', ')}],
    format = 'newline_delimited', ignore_errors = true, columns = {${types}}) WHERE ${MARK} IS NOT NULL`
}

/**
 * A stream's Parquet and NDJSON files as one source. The empty first part names every column with its type, so
 * that a file from before a column was added, or no file at all, still answers.
 */
export function selectSegments(
  parquet: readonly string[],
  ndjson: readonly string[],
  columns: ColumnTypes,
): string {
  const empty = Object.entries(columns)
    .map(([name, type]) => `CAST(NULL AS ${type}) AS ${sqlName(name)}`)
    .join(', ')
  const parts = [`SELECT ${empty} WHERE false`]
  if (parquet.length > 0)
    parts.push(
      `SELECT * FROM read_parquet([${parquet.map(sqlText).join(', ')}], union_by_name = true)`,
    )
  if (ndjson.length > 0) parts.push(selectLines(ndjson, columns))
  return `(SELECT ${names(columns)} FROM (${parts.join(' UNION ALL BY NAME ')}))`
}

/** Writes NDJSON as Parquet; answers the number of rows as `Count`. */
export function copyToParquet(from: string, to: string, columns: ColumnTypes): string {
  return `COPY (${selectLines([from], columns)}) TO ${sqlText(to)} (FORMAT parquet, COMPRESSION zstd)`
}

function names(columns: ColumnTypes): string {
  return Object.keys(columns).map(sqlName).join(', ')
}
