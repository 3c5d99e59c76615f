import { sql, type RawBuilder, type SqlBool } from 'kysely'
import type { ColumnPlan, Reach } from './column-plan.ts'
import type { SortKey } from './keyset.ts'
import { orderSql, shapeOf } from './order-sql.ts'
import type { Dialect, OrderKey } from './search-dialect.ts'

/** A part of an order: all its rows come before those of the next. */
export interface Stretch {
  /** Goes behind FROM. */
  readonly from: RawBuilder<unknown>
  readonly where: RawBuilder<SqlBool>
  readonly keys: readonly SortKey[]
}

type Stretches = readonly [Stretch, ...Stretch[]]

/**
 * The rows with a value of the first key, by the index on values, then those whose value is NaN, then those
 * without one: each has its order from an index, where all of them together would have to be sorted. One stretch
 * where the first key lies in the row itself. `source` is the table of rows.
 */
export function stretchesOf(
  keys: readonly OrderKey[],
  source: RawBuilder<unknown>,
  plan: ColumnPlan,
  dialect: Dialect,
): Stretches {
  const [first, ...others] = keys
  const whole = wholeOrder(keys, source, plan, dialect)
  if (first === undefined) return [whole]
  const reach = plan.reach(first.entity, first.key)
  if (reach.in === 'row' || !reach.indexed) return [whole]
  const rest = orderSql(others, plan, dialect)
  const shape = shapeOf(first, dialect)
  const walked = sql`${sql.table(reach.table)} AS walked CROSS JOIN ${source}
    ON ${plan.row} = ${sql.ref(`walked.${reach.owner}`)} ${rest.joins}`
  const ofKey = keyIs(reach, 'walked', first.key)
  const value = sql.ref(`walked.${reach.value}`)
  const absent = (rank: number): readonly SortKey[] => [
    { ...shape, value: sql`NULL`, absent: rank },
    ...rest.keys,
  ]
  return [
    {
      from: walked,
      where: sql`${ofKey} AND ${value} IS NOT NULL`,
      keys: [{ ...shape, value }, ...rest.keys],
    },
    { from: walked, where: sql`${ofKey} AND ${value} IS NULL`, keys: absent(1) },
    {
      from: sql`${source} ${rest.joins}`,
      where: sql`NOT EXISTS (SELECT 1 FROM ${sql.table(reach.table)} AS owned
        WHERE ${sql.ref(`owned.${reach.owner}`)} = ${plan.row} AND ${keyIs(reach, 'owned', first.key)})`,
      keys: absent(2),
    },
  ]
}

/** All rows at once, to be sorted. */
export function wholeOrder(
  keys: readonly OrderKey[],
  source: RawBuilder<unknown>,
  plan: ColumnPlan,
  dialect: Dialect,
): Stretch {
  const { joins, keys: sorted } = orderSql(keys, plan, dialect)
  return { from: sql`${source} ${joins}`, where: sql`1 = 1`, keys: sorted }
}

function keyIs({ key }: Reach & { in: 'table' }, alias: string, name: string): RawBuilder<SqlBool> {
  return key === undefined ? sql`1 = 1` : sql`${sql.ref(`${alias}.${key}`)} = ${name}`
}
