import { sql, type RawBuilder } from 'kysely'
import type { Context } from '../core/context.ts'
import type { Tx } from '../store/catalog.ts'
import type { ColumnPlan } from '../store/search/column-plan.ts'
import { parseFilter } from '../store/search/filter-parser.ts'
import { filterSql } from '../store/search/filter-sql.ts'
import { createKeyset } from '../store/search/keyset.ts'
import { parseOrderBy } from '../store/search/order-by.ts'
import { orderSql } from '../store/search/order-sql.ts'
import { viewSql, type View } from './run-search.ts'
import { EXPERIMENTS } from '../store/search/search-dialect.ts'

export interface ExperimentQuery {
  readonly filter?: string
  readonly orderBy?: readonly string[]
  readonly view: View
  readonly limit: number
  readonly pageToken?: string
}

export interface NumberPage {
  readonly numbers: readonly number[]
  readonly nextToken?: string
}

const ATTRIBUTES: Readonly<Record<string, RawBuilder<unknown>>> = {
  name: sql.ref('experiments.name'),
  experiment_id: sql.ref('experiments.number'),
  creation_time: sql.ref('experiments.created_ms'),
  last_update_time: sql.ref('experiments.updated_ms'),
}

const PLAN: ColumnPlan = {
  row: sql.ref('experiments.seq'),
  reach(entity, key) {
    if (entity === 'tag')
      return {
        in: 'table',
        table: 'experiment_tags',
        owner: 'experiment',
        key: 'key',
        value: 'value',
      }
    const column = ATTRIBUTES[key]
    if (!column) throw new RangeError(`experiments have no ${entity} ${key}`)
    return { in: 'row', column }
  },
}

/** The experiments that match, a page at a time. Throws INVALID_ARGUMENT naming the part. */
export async function searchExperiments(
  db: Tx,
  { project }: Context,
  { filter = '', orderBy = [], view, limit, pageToken }: ExperimentQuery,
): Promise<NumberPage> {
  const { joins, keys } = orderSql(parseOrderBy(orderBy, EXPERIMENTS), PLAN, EXPERIMENTS)
  const keyset = createKeyset(keys, { of: 'experiments', project, filter, view })
  const { rows } = await sql<Readonly<Record<string, unknown>> & { readonly number: number }>`
    SELECT experiments.number, ${sql.join(keyset.columns)} FROM experiments ${joins}
    WHERE experiments.project = ${project} AND ${viewSql(view, 'experiments')}
      AND ${filterSql(parseFilter(filter, EXPERIMENTS).clauses, PLAN)} AND ${keyset.after(pageToken)}
    ORDER BY ${keyset.orderBy} LIMIT ${limit + 1}`.execute(db)
  const page = keyset.page(rows, limit)
  const numbers = page.rows.map(({ number }) => number)
  return page.nextToken === undefined ? { numbers } : { numbers, nextToken: page.nextToken }
}
