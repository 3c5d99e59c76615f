import { sql, type RawBuilder, type SqlBool } from 'kysely'
import type { Context } from '../core/context.ts'
import type { Tx } from '../store/catalog.ts'
import { parseFilter } from '../store/search/filter-parser.ts'
import { createKeyset } from '../store/search/keyset.ts'
import { parseOrderBy } from '../store/search/order-by.ts'
import { orderSql } from '../store/search/order-sql.ts'
import { RUNS } from '../store/search/search-dialect.ts'
import { stretchesOf, wholeOrder } from '../store/search/stretches.ts'
import { candidatesOf } from './run-candidates.ts'
import { RUN_PLAN } from './run-plan.ts'

/** Which of the things that can be deleted are wanted. */
export type View = 'active' | 'deleted' | 'all'

export interface RunQuery {
  /** `all` of them that are not deleted, those made between two pages too. */
  readonly experiments: readonly number[] | 'all'
  /** `metrics.auc > 0.9 AND params.lr = '0.1'`; see docs/guides/search.md. */
  readonly filter?: string
  /** `metrics.auc DESC`; newest start first after that. */
  readonly orderBy?: readonly string[]
  readonly view: View
  readonly limit: number
  readonly pageToken?: string
}

export interface SeqPage {
  /** `runs.seq`, in order. */
  readonly seqs: readonly number[]
  readonly nextToken?: string
}

/** So many candidates are looked at one by one and sorted, in some ms. More are walked, by an index in the order of the page. */
const FEW = 5_000

/**
 * The runs that match, a page at a time. Throws INVALID_ARGUMENT naming `filter`, `order_by` or `page_token`.
 * `few` is another number for tests.
 */
export async function searchRuns(
  db: Tx,
  { project }: Context,
  query: RunQuery,
  few = FEW,
): Promise<SeqPage> {
  const { experiments, filter = '', orderBy = [], view, limit, pageToken } = query
  const order = parseOrderBy(orderBy, RUNS)
  const { clauses } = parseFilter(filter, RUNS)
  const scope = { of: 'runs', project, experiments, filter, view }
  createKeyset(orderSql(order, RUN_PLAN, RUNS).keys, scope).after(pageToken)
  const numbers = experiments === 'all' ? await activeExperiments(db, project) : experiments
  if (numbers.length === 0) return { seqs: [] }

  const listed = sql<SqlBool>`runs.project = ${project} AND runs.experiment IN (${sql.join(numbers)})`
  const { areFew, source, where } = await candidatesOf(db, { order, clauses, listed, few })
  const stretches = areFew
    ? [wholeOrder(order, source, RUN_PLAN, RUNS)]
    : stretchesOf(order, source, RUN_PLAN, RUNS)
  const rows: SortedRow[] = []
  for (const stretch of stretches) {
    const keyset = createKeyset(stretch.keys, scope)
    const { rows: more } = await sql<SortedRow>`
      SELECT runs.seq, ${sql.join(keyset.columns)} FROM ${stretch.from}
      WHERE ${stretch.where} AND ${listed} AND ${viewSql(view)} AND ${where}
        AND ${keyset.after(pageToken)}
      ORDER BY ${keyset.orderBy} LIMIT ${limit + 1 - rows.length}`.execute(db)
    rows.push(...more)
    if (rows.length > limit) break
  }
  const page = createKeyset(stretches[0].keys, scope).page(rows, limit)
  const seqs = page.rows.map(({ seq }) => seq)
  return page.nextToken === undefined ? { seqs } : { seqs, nextToken: page.nextToken }
}

async function activeExperiments(db: Tx, project: string): Promise<readonly number[]> {
  const rows = await db
    .selectFrom('experiments')
    .select('number')
    .where('project', '=', project)
    .where('deleted_ms', 'is', null)
    .execute()
  return rows.map(({ number }) => number)
}

interface SortedRow extends Readonly<Record<string, unknown>> {
  readonly seq: number
}

export function viewSql(view: View, table = 'runs'): RawBuilder<SqlBool> {
  const deleted = sql.ref(`${table}.deleted_ms`)
  if (view === 'all') return sql`1 = 1`
  return view === 'active' ? sql`${deleted} IS NULL` : sql`${deleted} IS NOT NULL`
}
