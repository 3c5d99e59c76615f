import { sql, type Expression, type RawBuilder, type SqlBool } from 'kysely'
import type { ColumnPlan, Reach } from './column-plan.ts'
import type { Clause } from './filter-clause.ts'
import { globPattern } from './like-pattern.ts'
import { sqlNumber } from './sql-number.ts'

/**
 * The condition that all clauses hold, every key and value a bound parameter. As with MLflow, a row without the
 * key matches no comparison, `!=` and NOT IN included; a metric that is NaN matches `!=` alone. For SQLite (GLOB).
 */
export function filterSql(clauses: readonly Clause[], plan: ColumnPlan): RawBuilder<SqlBool> {
  return allOf(clauses.map((clause) => clauseSql(clause, plan)))
}

/**
 * The condition that all of these hold; true where there are none. Halved, not chained: SQLite refuses a tree
 * deeper than 1000, and a thousand ANDs in a row are one.
 */
export function allOf(conditions: readonly RawBuilder<SqlBool>[]): RawBuilder<SqlBool> {
  const [first, second] = conditions
  if (first === undefined) return sql`1 = 1`
  if (second === undefined) return first
  const half = Math.ceil(conditions.length / 2)
  return sql`(${allOf(conditions.slice(0, half))} AND ${allOf(conditions.slice(half))})`
}

/** The condition that a clause holds, of the rows of `plan`. */
export function clauseSql(clause: Clause, plan: ColumnPlan): RawBuilder<SqlBool> {
  const reach = plan.reach(clause.entity, clause.key)
  if (reach.in === 'row') return holds(clause, reach.column)
  if (reach.indexed) return rowHolds(clause, reach, plan)
  const owners = ownersSql(reach, clause.key)
  if (clause.operator === 'IS NULL') return sql`${plan.row} NOT IN (${owners})`
  if (clause.operator === 'IS NOT NULL') return sql`${plan.row} IN (${owners})`
  return sql`${plan.row} IN (${owners} AND ${holds(clause, sql.ref(`${reach.table}.${reach.value}`))})`
}

/** Asked of one row after the other: a page is full after a few of them, and a list of all owners may be long. */
function rowHolds(
  clause: Clause,
  reach: Reach & { in: 'table' },
  { row }: ColumnPlan,
): RawBuilder<SqlBool> {
  const { operator, key } = clause
  const owned = sql`${ownersSql(reach, key)} AND ${sql.ref(`${reach.table}.${reach.owner}`)} = ${row}`
  if (operator === 'IS NULL') return sql`NOT EXISTS (${owned})`
  if (operator === 'IS NOT NULL') return sql`EXISTS (${owned})`
  // With the plus SQLite does not look for the row among all that hold, by the index on values.
  return sql`EXISTS (${owned} AND ${holds(clause, sql`+${sql.ref(`${reach.table}.${reach.value}`)}`)})`
}

/** What an index on values finds. Of the other operators it would read every owner of the key. */
const BY_INDEX: readonly Clause['operator'][] = ['=', '<', '<=', '>', '>=', 'IN', 'IS NOT NULL']

/** The rows for which a clause holds, as a SELECT that reads no others; undefined where there is no index for it. */
export function rowsOfClause(clause: Clause, plan: ColumnPlan): RawBuilder<unknown> | undefined {
  const reach = plan.reach(clause.entity, clause.key)
  if (reach.in === 'row' || !reach.indexed || !BY_INDEX.includes(clause.operator)) return undefined
  const owners = ownersSql(reach, clause.key)
  if (clause.operator === 'IS NOT NULL') return owners
  return sql`${owners} AND ${holds(clause, sql.ref(`${reach.table}.${reach.value}`))}`
}

function ownersSql(
  { table, owner, key: keyColumn, as = '' }: Reach & { in: 'table' },
  key: string,
): RawBuilder<unknown> {
  const ofKey =
    keyColumn === undefined ? sql`1 = 1` : sql`${sql.ref(`${table}.${keyColumn}`)} = ${as || key}`
  return sql`SELECT ${sql.ref(`${table}.${owner}`)} FROM ${sql.table(table)} WHERE ${ofKey}`
}

/** The condition that a value is as the clause says. */
export function holds(clause: Clause, value: Expression<unknown>): RawBuilder<SqlBool> {
  switch (clause.operator) {
    case 'LIKE':
      return sql`${value} GLOB ${globPattern(clause.value)}`
    case 'ILIKE':
      return sql`${value} LIKE ${clause.value}`
    case 'IN':
      return sql`${value} IN (${sql.join(clause.value.map(bound))})`
    case 'NOT IN':
      return sql`${value} NOT IN (${sql.join(clause.value.map(bound))})`
    case 'IS NULL':
      return sql`${value} IS NULL`
    case 'IS NOT NULL':
      return sql`${value} IS NOT NULL`
    case '!=':
      return clause.entity === 'metric'
        ? sql`(${value} IS NULL OR ${value} <> ${bound(clause.value)})`
        : sql`${value} <> ${bound(clause.value)}`
    case '=':
      return sql`${value} = ${bound(clause.value)}`
    case '<':
      return sql`${value} < ${bound(clause.value)}`
    case '<=':
      return sql`${value} <= ${bound(clause.value)}`
    case '>':
      return sql`${value} > ${bound(clause.value)}`
    case '>=':
      return sql`${value} >= ${bound(clause.value)}`
  }
}

function bound(value: number | string): RawBuilder<unknown> {
  return typeof value === 'number' ? sqlNumber(value) : sql`${value}`
}
