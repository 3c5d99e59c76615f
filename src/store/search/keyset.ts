import { sql, type AliasedRawBuilder, type Expression, type RawBuilder, type SqlBool } from 'kysely'
import { digestOfJson } from '../../core/digest.ts'
import { decodePageToken, encodePageToken, type Place } from './page-token.ts'
import { sqlNumber } from './sql-number.ts'

/** One key of an order. */
export interface SortKey {
  /** Tells it from other keys in the token. */
  readonly name: string
  readonly type: 'number' | 'text'
  readonly direction: 'asc' | 'desc'
  readonly value: Expression<unknown>
  /** 0 where there is a value, else how far behind all values the row stands, in both directions. */
  readonly rank?: Expression<number>
  /** The rank of every row of the query, where none of them has a value. */
  readonly absent?: number
}

export interface Page<Row> {
  readonly rows: readonly Row[]
  /** Where the next page begins; absent on the last one. */
  readonly nextToken?: string
}

/**
 * Pages by place, not by number: a token holds the sort values of the last row of a page, so rows that come or
 * go in between never repeat or hide another. A row whose own sort value changes moves, as it must.
 */
export interface Keyset {
  /** Sort values and ranks; {@link Keyset.page} reads them from the rows. */
  readonly columns: readonly AliasedRawBuilder<unknown, string>[]
  readonly orderBy: RawBuilder<unknown>
  /** What comes after the token; everything without one. Throws INVALID_ARGUMENT (`page_token`). */
  after(token: string | undefined): RawBuilder<SqlBool>
  /** Cuts the `size + 1` rows that were asked for into a page of `size`. */
  page<Row extends Readonly<Record<string, unknown>>>(rows: readonly Row[], size: number): Page<Row>
}

/**
 * `keys` must end with one that differs from row to row and is never NULL. `scope` is what else decides which
 * rows there are (kind, filter, experiments): a token of another scope or order is refused.
 */
export function createKeyset(keys: readonly SortKey[], scope: unknown): Keyset {
  const order = keys.map(({ name, direction }) => [name, direction])
  const seal = digestOfJson({ scope, order })
  const types = keys.map(({ type }) => type)
  return {
    columns: keys.flatMap(({ value, rank, absent }, i) => [
      sql`${value}`.as(`sort_${i}`),
      sql`${rank ?? sql.lit(absent ?? 0)}`.as(`rank_${i}`),
    ]),
    orderBy: sql.join(keys.filter(({ absent }) => absent === undefined).map(orderOf)),
    after(token) {
      if (token === undefined || token === '') return sql`1 = 1`
      return afterSql(keys, decodePageToken(token, seal, types))
    },
    page(rows, size) {
      const last = rows[size - 1]
      if (rows.length <= size || last === undefined) return { rows }
      const places = keys.map((_, i): Place => placeOf(last[`rank_${i}`], last[`sort_${i}`]))
      return { rows: rows.slice(0, size), nextToken: encodePageToken(seal, places) }
    },
  }
}

function orderOf({ value, rank, direction }: SortKey): RawBuilder<unknown> {
  const byValue = direction === 'asc' ? sql`${value} ASC` : sql`${value} DESC`
  return rank === undefined ? byValue : sql`${rank}, ${byValue}`
}

function placeOf(rank: unknown, value: unknown): Place {
  if (typeof rank === 'number' && rank > 0) return { rank, value: null }
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'string')
    return { rank: 0, value }
  throw new RangeError('a row of a page lacks its sort values')
}

function afterSql(keys: readonly SortKey[], places: readonly Place[]): RawBuilder<SqlBool> {
  const [first, place] = [keys[0], places[0]]
  if (first === undefined || place === undefined) return sql`1 = 0`
  const rest = keys.length === 1 ? undefined : afterSql(keys.slice(1), places.slice(1))
  const beyond = beyondSql(first, place)
  if (rest === undefined) return beyond
  const either: RawBuilder<SqlBool> = sql`(${beyond} OR (${levelSql(first, place)} AND ${rest}))`
  // An index can begin at a plain bound, not at an OR.
  return first.rank === undefined && first.absent === undefined
    ? sql`(${first.value} ${first.direction === 'asc' ? sql`>=` : sql`<=`} ${bound(place)} AND ${either})`
    : either
}

/** Without a value the rank alone decides; a comparison with such a row's NULL is never true. */
function beyondSql({ value, rank, absent, direction }: SortKey, place: Place): RawBuilder<SqlBool> {
  if (absent !== undefined) return absent > place.rank ? sql`1 = 1` : sql`1 = 0`
  if (place.rank > 0) return rank === undefined ? sql`1 = 0` : sql`${rank} > ${place.rank}`
  const further = sql<SqlBool>`${value} ${direction === 'asc' ? sql`>` : sql`<`} ${bound(place)}`
  return rank === undefined ? further : sql`(${rank} > 0 OR ${further})`
}

function levelSql({ value, rank, absent }: SortKey, place: Place): RawBuilder<SqlBool> {
  if (absent !== undefined) return absent === place.rank ? sql`1 = 1` : sql`1 = 0`
  if (place.rank > 0) return rank === undefined ? sql`1 = 0` : sql`${rank} = ${place.rank}`
  return sql`${value} = ${bound(place)}`
}

function bound({ value }: Place): RawBuilder<unknown> {
  return typeof value === 'number' ? sqlNumber(value) : sql`${value}`
}
