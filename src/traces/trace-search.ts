import { sql, type RawBuilder, type SqlBool } from 'kysely'
import type { Context } from '../core/context.ts'
import type { Tx } from '../store/catalog.ts'
import type { ColumnPlan } from '../store/search/column-plan.ts'
import { parseFilter } from '../store/search/filter-parser.ts'
import { createKeyset } from '../store/search/keyset.ts'
import { parseOrderBy } from '../store/search/order-by.ts'
import { orderSql } from '../store/search/order-sql.ts'
import { TRACES } from '../store/search/search-dialect.ts'
import { traceFilterSql } from './trace-filter.ts'
import { NAME_TAG, RUN_KEY } from './trace-label.ts'

export interface TraceQuery {
  readonly experiments: readonly number[]
  /** `status = 'OK' AND span.type = 'LLM'`; see docs/guides/search.md. */
  readonly filter?: string
  /** `execution_time DESC`; newest first after that. */
  readonly orderBy?: readonly string[]
  readonly limit: number
  readonly pageToken?: string
}

export interface SeqPage {
  /** `traces.seq`, in order. */
  readonly seqs: readonly number[]
  readonly nextToken?: string
}

const ATTRIBUTES: Readonly<Record<string, RawBuilder<unknown>>> = {
  request_id: sql.ref('traces.id'),
  timestamp_ms: sql.ref('traces.start_ms'),
  execution_time_ms: sql.ref('traces.duration_ms'),
  end_time_ms: sql`(traces.start_ms + coalesce(traces.duration_ms, 0))`,
  status: sql.ref('traces.state'),
  client_request_id: sql.ref('traces.client_request_id'),
  experiment_id: sql.ref('traces.experiment'),
}

const LABELS = { owner: 'trace', key: 'key', value: 'value' } as const

const PLAN: ColumnPlan = {
  row: sql.ref('traces.seq'),
  reach(entity, key) {
    if (entity === 'tag') return { in: 'table', table: 'trace_tags', ...LABELS }
    if (entity === 'metadata') return { in: 'table', table: 'trace_metadata', ...LABELS }
    if (key === 'name') return { in: 'table', table: 'trace_tags', ...LABELS, as: NAME_TAG }
    if (key === 'run_id') return { in: 'table', table: 'trace_metadata', ...LABELS, as: RUN_KEY }
    const column = ATTRIBUTES[key]
    if (!column) throw new RangeError(`traces have no ${entity} ${key}`)
    return { in: 'row', column, ...(key === 'execution_time_ms' ? { optional: true } : {}) }
  },
}

/** The traces that match, a page at a time. Throws INVALID_ARGUMENT naming `filter`, `order_by` or `page_token`. */
export async function searchTraces(
  db: Tx,
  { project }: Context,
  { experiments, filter = '', orderBy = [], limit, pageToken }: TraceQuery,
): Promise<SeqPage> {
  const { joins, keys } = orderSql(parseOrderBy(orderBy, TRACES), PLAN, TRACES)
  const keyset = createKeyset(keys, { of: 'traces', project, experiments, filter })
  const { clauses } = parseFilter(filter, TRACES)
  const scope = sql<SqlBool>`traces.project = ${project} AND traces.experiment IN (${sql.join(experiments)})`
  const matches = traceFilterSql(clauses, PLAN, { project, experiments })
  const after = keyset.after(pageToken)
  if (experiments.length === 0) return { seqs: [] }
  const { rows } = await sql<{ readonly seq: number } & Readonly<Record<string, unknown>>>`
    SELECT traces.seq, ${sql.join(keyset.columns)} FROM traces ${joins}
    WHERE ${scope} AND ${matches} AND ${after}
    ORDER BY ${keyset.orderBy} LIMIT ${limit + 1}`.execute(db)
  const page = keyset.page(rows, limit)
  const seqs = page.rows.map(({ seq }) => seq)
  return page.nextToken === undefined ? { seqs } : { seqs, nextToken: page.nextToken }
}
