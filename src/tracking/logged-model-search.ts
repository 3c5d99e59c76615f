import { sql, type RawBuilder, type SqlBool } from 'kysely'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { Tx } from '../store/catalog.ts'
import type { ColumnPlan } from '../store/search/column-plan.ts'
import type { Entity } from '../store/search/filter-clause.ts'
import { parseFilter } from '../store/search/filter-parser.ts'
import { filterSql } from '../store/search/filter-sql.ts'
import { createKeyset } from '../store/search/keyset.ts'
import { orderByFields, type OrderField } from '../store/search/order-by.ts'
import { orderSql } from '../store/search/order-sql.ts'
import type { SeqPage } from './run-search.ts'
import { LOGGED_MODELS } from '../store/search/search-dialect.ts'

/** A dataset, or every one of the name when there is no digest. */
export interface DatasetWanted {
  readonly name: string
  readonly digest?: string
}

/** A key of the order; a metric may be that of one dataset. */
export interface ModelOrderField extends OrderField {
  readonly dataset?: DatasetWanted
}

export interface ModelQuery {
  readonly experiments: readonly number[]
  /** `metrics.auc > 0.9 AND name = 'churn'`; see docs/guides/search.md. */
  readonly filter?: string
  /** Metrics of the filter count on one of these only; without a metric, models measured on one of them. */
  readonly datasets?: readonly DatasetWanted[]
  /** Newest first after these. */
  readonly orderBy?: readonly ModelOrderField[]
  readonly limit: number
  readonly pageToken?: string
}

const ATTRIBUTES: Readonly<Record<string, RawBuilder<unknown>>> = {
  name: sql.ref('logged_models.name'),
  model_id: sql.ref('logged_models.id'),
  model_type: sql.ref('logged_models.model_type'),
  status: sql.ref('logged_models.status'),
  source_run_id: sql.ref('logged_models.source_run'),
  creation_timestamp: sql.ref('logged_models.created_ms'),
  last_updated_timestamp: sql.ref('logged_models.updated_ms'),
}

/** `measured` holds the metrics that count. */
const TABLES: Readonly<Partial<Record<Entity, string>>> = {
  metric: 'measured',
  param: 'logged_model_params',
  tag: 'logged_model_tags',
}

const PLAN: ColumnPlan = {
  row: sql.ref('logged_models.seq'),
  reach(entity, key) {
    const table = TABLES[entity]
    if (table) return { in: 'table', table, owner: 'model', key: 'key', value: 'value' }
    const column = ATTRIBUTES[key]
    if (!column) throw new RangeError(`logged models have no ${entity} ${key}`)
    return { in: 'row', column }
  },
}

/** The models that match and are not deleted. Throws INVALID_ARGUMENT naming the part. */
export async function searchModels(db: Tx, ctx: Context, query: ModelQuery): Promise<SeqPage> {
  const { experiments, filter = '', datasets = [], orderBy = [], limit, pageToken } = query
  if (datasets.some(({ name }) => name === ''))
    throw new GyreError(
      'INVALID_ARGUMENT',
      'datasets: `dataset_name` in the `datasets` clause must be specified.',
      { field: 'datasets' },
    )
  const { clauses } = parseFilter(filter, LOGGED_MODELS)
  const order = orderSql(orderByFields(orderBy, LOGGED_MODELS), planOf(orderBy), LOGGED_MODELS)
  const { project } = ctx
  const keyset = createKeyset(order.keys, {
    of: 'logged models',
    project,
    experiments,
    filter,
    datasets,
    // Equal keys of different datasets are different orders.
    orderBy,
  })
  const after = keyset.after(pageToken)
  if (experiments.length === 0) return { seqs: [] }
  const onlyMeasured = datasets.length > 0 && clauses.every(({ entity }) => entity !== 'metric')
  const isMeasured = onlyMeasured
    ? sql<SqlBool>`logged_models.seq IN (SELECT model FROM measured)`
    : sql<SqlBool>`1 = 1`
  const { rows } = await sql<{ seq: number } & Record<string, unknown>>`
    WITH measured AS (SELECT model, key, value FROM logged_model_metrics WHERE ${onAny(datasets)})
    SELECT logged_models.seq, ${sql.join(keyset.columns)} FROM logged_models ${order.joins}
    WHERE logged_models.project = ${project} AND logged_models.experiment IN (${sql.join(experiments)})
      AND logged_models.deleted_ms IS NULL AND ${filterSql(clauses, PLAN)}
      AND ${isMeasured} AND ${after}
    ORDER BY ${keyset.orderBy} LIMIT ${limit + 1}`.execute(db)
  const page = keyset.page(rows, limit)
  const seqs = page.rows.map(({ seq }) => seq)
  return page.nextToken === undefined ? { seqs } : { seqs, nextToken: page.nextToken }
}

/** A model is ordered by a metric's latest value, of all its values that one. */
function planOf(fields: readonly ModelOrderField[]): ColumnPlan {
  const wanted = new Map(fields.map(({ fieldName, dataset }) => [fieldName, dataset]))
  return {
    ...PLAN,
    reach(entity, key) {
      if (entity !== 'metric') return PLAN.reach(entity, key)
      const dataset = wanted.get(`metrics.${key}`) ?? wanted.get(`metric.${key}`)
      const column = sql`(
        SELECT value FROM logged_model_metrics AS point
        WHERE point.model = logged_models.seq AND point.key = ${key}
          AND ${onAny(dataset ? [dataset] : [])}
        ORDER BY point.at_ms DESC, point.step DESC, point.run, point.seq DESC LIMIT 1)`
      return { in: 'row', column, optional: true }
    },
  }
}

function onAny(datasets: readonly DatasetWanted[]): RawBuilder<SqlBool> {
  if (datasets.length === 0) return sql`1 = 1`
  const each = datasets.map(({ name, digest }) =>
    digest === undefined
      ? sql`dataset_name = ${name}`
      : sql`(dataset_name = ${name} AND dataset_digest = ${digest})`,
  )
  return sql`(${sql.join(each, sql` OR `)})`
}
