import { sql, type RawBuilder, type Selectable } from 'kysely'
import type { Context } from '../core/context.ts'
import type { Tx } from '../store/catalog.ts'
import type { Tables } from '../store/schema.ts'
import type { ColumnPlan } from '../store/search/column-plan.ts'
import { parseFilter } from '../store/search/filter-parser.ts'
import { filterSql } from '../store/search/filter-sql.ts'
import { createKeyset, type SortKey } from '../store/search/keyset.ts'
import { ISSUES } from '../store/search/search-dialect.ts'
import { toIssue, type Issue } from './issue.ts'

export interface IssueQuery {
  /** Of every experiment when left out. */
  readonly experiment?: number | undefined
  /** `status = 'pending' AND source_run_id != '…'` */
  readonly filter?: string | undefined
  readonly limit: number
  readonly pageToken?: string | undefined
  /** Counts the traces of each, and orders by them after the severity. */
  readonly counted: boolean
}

export interface FoundIssue extends Issue {
  /** Undefined where it was not asked for. */
  readonly traces: number | undefined
}

export interface IssuePage {
  readonly issues: readonly FoundIssue[]
  readonly nextToken: string | undefined
}

const COLUMNS: Readonly<Record<string, RawBuilder<unknown>>> = {
  status: sql.ref('issues.status'),
  source_run_id: sql.ref('issues.source_run'),
}

const PLAN: ColumnPlan = {
  row: sql.ref('issues.seq'),
  reach(entity, key) {
    const column = COLUMNS[key]
    if (!column) throw new RangeError(`issues have no ${entity} ${key}`)
    return { in: 'row', column }
  },
}

const SEVERITY = sql`CASE issues.severity
  WHEN 'high' THEN 3 WHEN 'medium' THEN 2 WHEN 'low' THEN 1 WHEN 'not_an_issue' THEN 0 ELSE -1 END`

const TRACES = sql`(
  SELECT count(DISTINCT shown.trace) FROM assessments AS shown
  JOIN traces ON traces.seq = shown.trace
  WHERE shown.kind = 'issue' AND shown.name = issues.id AND traces.project = issues.project)`

const descending = (name: string, type: SortKey['type'], value: RawBuilder<unknown>): SortKey => ({
  name,
  type,
  direction: 'desc',
  value,
})

/** The severest first, then those of most traces where they are counted, then the newest. Throws INVALID_ARGUMENT. */
export async function searchIssues(
  db: Tx,
  { project }: Context,
  { experiment, filter = '', limit, pageToken, counted }: IssueQuery,
): Promise<IssuePage> {
  const keyset = createKeyset(
    [
      descending('severity', 'number', SEVERITY),
      ...(counted ? [descending('traces', 'number', TRACES)] : []),
      descending('created', 'number', sql.ref('issues.created_ms')),
      descending('id', 'text', sql.ref('issues.id')),
    ],
    { of: 'issues', project, experiment, filter },
  )
  const matches = filterSql(parseFilter(filter, ISSUES).clauses, PLAN)
  const within = experiment === undefined ? sql`1 = 1` : sql`issues.experiment = ${experiment}`
  const { rows } = await sql<Found>`
    SELECT issues.*, ${counted ? TRACES : sql`NULL`} AS traces, ${sql.join(keyset.columns)}
    FROM issues WHERE issues.project = ${project} AND ${within} AND ${matches}
      AND ${keyset.after(pageToken)}
    ORDER BY ${keyset.orderBy} LIMIT ${limit + 1}`.execute(db)
  const page = keyset.page(rows, limit)
  return {
    issues: page.rows.map((row) => ({ ...toIssue(row), traces: row.traces ?? undefined })),
    nextToken: page.nextToken,
  }
}

type Found = Selectable<Tables['issues']> & { readonly traces: number | null } & Readonly<
    Record<string, unknown>
  >
