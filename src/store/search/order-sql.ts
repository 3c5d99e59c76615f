import { sql, type RawBuilder } from 'kysely'
import type { ColumnPlan, Reach } from './column-plan.ts'
import type { SortKey } from './keyset.ts'
import type { Dialect, OrderKey } from './search-dialect.ts'

export interface OrderSql {
  /** Goes behind FROM: a LEFT JOIN for each key that lies in another table. */
  readonly joins: RawBuilder<unknown>
  readonly keys: readonly SortKey[]
}

/**
 * The sort keys of an order. In both directions what has no value comes last, and a metric that is NaN between
 * the values and what is missing, as with MLflow.
 */
export function orderSql(keys: readonly OrderKey[], plan: ColumnPlan, dialect: Dialect): OrderSql {
  const joins: RawBuilder<unknown>[] = []
  const sorted = keys.map((key, i): SortKey => {
    const reach = plan.reach(key.entity, key.key)
    const shape = shapeOf(key, dialect)
    if (reach.in === 'row') return { ...shape, ...rowKey(reach) }
    const alias = `order_${i}`
    joins.push(joinSql(reach, alias, key.key, plan))
    const value = sql.ref(`${alias}.${reach.value}`)
    const owner = sql.ref(`${alias}.${reach.owner}`)
    const rank = sql<number>`CASE WHEN ${value} IS NOT NULL THEN 0 WHEN ${owner} IS NOT NULL THEN 1 ELSE 2 END`
    return { ...shape, value, rank }
  })
  return { joins: sql.join(joins, sql` `), keys: sorted }
}

/** What a sort key says of itself, wherever its value lies. */
export function shapeOf(
  key: OrderKey,
  dialect: Dialect,
): Pick<SortKey, 'name' | 'type' | 'direction'> {
  const { entity, key: name, direction } = key
  return { name: `${entity}.${name}`, type: typeOf(key, dialect), direction }
}

function rowKey({ column, optional }: Reach & { in: 'row' }): Pick<SortKey, 'value' | 'rank'> {
  return optional
    ? { value: column, rank: sql<number>`CASE WHEN ${column} IS NULL THEN 1 ELSE 0 END` }
    : { value: column }
}

function joinSql(
  { table, owner, key: keyColumn, as = '' }: Reach & { in: 'table' },
  alias: string,
  key: string,
  { row }: ColumnPlan,
): RawBuilder<unknown> {
  const ofKey =
    keyColumn === undefined ? sql`` : sql` AND ${sql.ref(`${alias}.${keyColumn}`)} = ${as || key}`
  return sql`LEFT JOIN ${sql.table(table)} AS ${sql.table(alias)} ON ${sql.ref(`${alias}.${owner}`)} = ${row}${ofKey}`
}

function typeOf({ entity, key }: OrderKey, dialect: Dialect): SortKey['type'] {
  const field = entity === 'attribute' ? dialect.attributes[key] : dialect.keyed[entity]
  return field === undefined || field.type === 'text' ? 'text' : 'number'
}
