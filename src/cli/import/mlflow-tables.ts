import { z } from 'zod'
import type { ForeignDatabase } from '../../store/foreign-database.ts'
import type { Label } from '../../tracking/tracked-run.ts'
import { reasonOf } from './mlflow-folder.ts'
import type { Tally } from './tally.ts'

/** What is imported. */
const READ = [
  'experiments',
  'experiment_tags',
  'runs',
  'params',
  'tags',
  'metrics',
  'datasets',
  'inputs',
  'input_tags',
  'logged_models',
  'logged_model_params',
  'logged_model_tags',
  'logged_model_metrics',
  'registered_models',
  'registered_model_tags',
  'registered_model_aliases',
  'model_versions',
  'model_version_tags',
  'trace_info',
  'trace_tags',
  'trace_request_metadata',
  'spans',
  'assessments',
  'entity_associations',
]

/** Tables whose rows belong to one thing each, by what their rows are; the other tables are links. */
const PARTS: Readonly<Record<string, string>> = {
  experiment_tags: 'experiment tags',
  runs: 'runs',
  params: 'params',
  tags: 'tags',
  metrics: 'points',
  logged_models: 'logged models',
  logged_model_params: 'logged model params',
  logged_model_tags: 'logged model tags',
  logged_model_metrics: 'logged model metrics',
  registered_model_tags: 'registered model tags',
  model_version_tags: 'model version tags',
  trace_info: 'traces',
  trace_tags: 'trace tags',
  trace_request_metadata: 'trace metadata',
  spans: 'spans',
  assessments: 'assessments',
}

/** What repeats other tables, or is of MLflow's server alone. */
const PASSED_OVER = [
  'alembic_version',
  'job_locks',
  'latest_metrics',
  'scheduler_leases',
  'span_metrics',
  'sql_assessment_daily_rollups',
  'sql_span_cost_daily_rollups',
  'sql_trace_metric_daily_rollups',
  'sql_trace_rollup_rebuild_queue',
  'trace_metrics',
  'workspaces',
]

/** Columns and what they must be. */
export type Where = Readonly<Record<string, string | number>>

/** Rows that are read at once. */
const PAGE = 5_000

/** The tables of MLflow's database; one that an older MLflow has not made yet is empty. */
export interface Tables {
  /** Rows in the order in which they were written, read a page at a time. Those that make no sense are told to the tally. */
  each<T>(table: string, kind: string, schema: z.ZodType<T>, where?: Where): Generator<T>
  /** Keys and values of one thing. */
  labels(table: string, kind: string, where: Where): Label[]
  count(table: string, where?: Where): number
  /** Tells the tally of tables that have rows and no place in Gyre. */
  refuseStrange(): void
  /** Tells the tally of rows that nobody asked for: what they belong to is not there, or was refused. */
  refuseUnread(): void
}

const LabelRow = z.object({
  key: z.string(),
  value: z
    .string()
    .nullish()
    .transform((text) => text ?? ''),
})

const CountRow = z.object({ count: z.bigint().transform(Number) })

const PlaceRow = z.object({ gyre_place: z.bigint() })

export function createTables(database: ForeignDatabase, tally: Tally): Tables {
  /** Rows by table. */
  const read = new Map<string, number>()

  function select(what: string, table: string, where: Where, rest = '', last: bigint[] = []) {
    if (!database.tables.has(table)) return []
    const clauses = Object.keys(where).map((column) => `${column} = ?`)
    const sql = `SELECT ${what} FROM "${table.replaceAll('"', '""')}"
      WHERE ${['TRUE', ...clauses].join(' AND ')} ${rest}`
    return database.rows(sql, [...Object.values(where), ...last])
  }

  function* pages(table: string, where: Where) {
    let place = -(2n ** 63n)
    for (;;) {
      const rest = `AND rowid > ? ORDER BY rowid LIMIT ${PAGE}`
      const rows = select('rowid AS gyre_place, *', table, where, rest, [place])
      yield rows
      if (rows.length < PAGE) return
      place = PlaceRow.parse(rows.at(-1)).gyre_place
    }
  }

  function* each<T>(table: string, kind: string, schema: z.ZodType<T>, where: Where = {}) {
    for (const rows of pages(table, where)) {
      read.set(table, (read.get(table) ?? 0) + rows.length)
      for (const row of rows) {
        const parsed = schema.safeParse(row)
        if (parsed.success) yield parsed.data
        else
          tally.miss(kind, `row ${String(row['gyre_place'])} of ${table}`, reasonOf(parsed.error))
      }
    }
  }

  /** Datasets of no run. */
  function countUnused(): number {
    if (!database.tables.has('datasets') || !database.tables.has('inputs')) return 0
    const used = "SELECT source_id FROM inputs WHERE source_type = 'DATASET'"
    const sql = `SELECT count(*) AS count FROM datasets WHERE dataset_uuid NOT IN (${used})`
    return CountRow.parse(database.rows(sql)[0]).count
  }

  function count(table: string, where: Where = {}): number {
    const [row] = select('count(*) AS count', table, where)
    return row ? CountRow.parse(row).count : 0
  }

  return {
    each,
    labels: (table, kind, where) => [...each(table, kind, LabelRow, where)],
    count,
    refuseUnread() {
      const unused = countUnused()
      if (unused > 0)
        tally.miss('datasets', 'rows of the table datasets', 'no run uses them', unused)
      for (const [table, kind] of Object.entries(PARTS)) {
        const unread = count(table) - (read.get(table) ?? 0)
        if (unread > 0)
          tally.miss(kind, `rows of the table ${table}`, 'they belong to nothing that was read', unread) // prettier-ignore
      }
    },
    refuseStrange() {
      for (const table of [...database.tables].toSorted()) {
        if (READ.includes(table) || PASSED_OVER.includes(table) || table.startsWith('sqlite_'))
          continue
        const found = count(table)
        if (found > 0)
          tally.miss(table, `the table ${table}`, 'Gyre has no place for its rows yet', found)
      }
    },
  }
}
