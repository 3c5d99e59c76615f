import type { ColumnProfile } from '@gyre/sdk/wire/dataset'
import { sqlName, type Analytics, type Cell, type Row } from '../store/analytics.ts'
import { numberCell } from './cell.ts'
import type { SourceColumn } from './source.ts'

const NUMERIC = /^(U?(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)|DECIMAL\(.*\)|DOUBLE|FLOAT)$/

/** What each column of a relation holds, in one scan: exact counts, extremes, mean. */
export async function profile(
  analytics: Analytics,
  relation: string,
  columns: readonly SourceColumn[],
): Promise<ColumnProfile[]> {
  const parts = columns.flatMap(({ name, type }, i) => aggregates(sqlName(name), type, i))
  const [row] = await analytics.query(`SELECT ${parts.join(', ')} FROM ${relation}`)
  return columns.map((column, i) => profileOf(column, i, row ?? {}))
}

function aggregates(x: string, type: string, i: number): readonly string[] {
  const number = type === 'BOOLEAN' ? `${x}::INTEGER` : x
  const measured = type === 'BOOLEAN' || NUMERIC.test(type)
  const ordered = measured ? `${number}::DOUBLE` : `${x}::VARCHAR`
  return [
    `count(*) - count(${x}) AS nulls${i}`,
    `count(DISTINCT ${x}) AS distinct${i}`,
    type.startsWith('TIMESTAMP') ? `min(${x}) AS min${i}` : `min(${ordered}) AS min${i}`,
    type.startsWith('TIMESTAMP') ? `max(${x}) AS max${i}` : `max(${ordered}) AS max${i}`,
    measured ? `avg(${number})::DOUBLE AS mean${i}` : `NULL::DOUBLE AS mean${i}`,
  ]
}

function profileOf({ name, type }: SourceColumn, i: number, row: Row): ColumnProfile {
  const mean = row[`mean${i}`]
  return {
    name,
    type,
    nulls: numberCell(row, `nulls${i}`),
    distinct: numberCell(row, `distinct${i}`),
    min: extreme(row[`min${i}`], type),
    max: extreme(row[`max${i}`], type),
    mean: typeof mean === 'number' ? mean : null,
  }
}

function extreme(cell: Cell | undefined, type: string): string | number | null {
  if (typeof cell === 'string') return cell
  if (typeof cell !== 'number') return null
  return type.startsWith('TIMESTAMP') ? new Date(cell).toISOString() : cell
}
