import type { ColumnContract } from '@gyre/sdk/wire/dataset'
import { sqlName, sqlText } from '../store/analytics.ts'

/** The request fields of an endpoint and their types. */
export type FieldTypes = Readonly<Record<string, Pick<ColumnContract, 'type'>>>

/** SQL of each request field as a typed column named `prefix` + its name, out of the JSON column `fields`. */
export function fieldColumns(types: FieldTypes, prefix: string): string[] {
  return Object.entries(types).map(
    ([name, { type }]) =>
      `${valueSql(`(fields->>${sqlText(name)})`, type)} AS ${sqlName(prefix + name)}`,
  )
}

function valueSql(text: string, type: ColumnContract['type']): string {
  switch (type) {
    case 'text':
      return text
    case 'int':
      return `TRY_CAST(${text} AS BIGINT)`
    case 'number':
      return `TRY_CAST(${text} AS DOUBLE)`
    case 'boolean':
      return `TRY_CAST(${text} AS BOOLEAN)`
    case 'timestamp':
      return `TRY_CAST(${text} AS TIMESTAMP)`
  }
}
