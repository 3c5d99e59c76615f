import { sql, type RawBuilder } from 'kysely'

/**
 * A number as a bound parameter that compares as one. The binding sends doubles below 2⁻⁵² as text, which is a
 * number again only beside a numeric column; the cast makes it one everywhere, exactly.
 */
export function sqlNumber(value: number): RawBuilder<number> {
  return Number.isSafeInteger(value) ? sql`${value}` : sql`CAST(${value} AS DOUBLE PRECISION)`
}
