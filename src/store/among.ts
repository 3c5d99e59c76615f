import { sql, type RawBuilder } from 'kysely'

/**
 * A list for `IN`, of any length in one parameter: SQLite takes no more than 32,766 of them, and a statement
 * whose text does not change with the length is compiled and prepared once.
 */
export function among<T extends number | string>(values: readonly T[]): RawBuilder<T> {
  return sql`(SELECT value FROM json_each(${JSON.stringify(values)}))`
}
