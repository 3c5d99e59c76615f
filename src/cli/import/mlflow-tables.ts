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
    for (const rows of pages(table, where))
      for (const row of rows) {
        const parsed = schema.safeParse(row)
        if (parsed.success) yield parsed.data
        else
          tally.miss(kind, `row ${String(row['gyre_place'])} of ${table}`, reasonOf(parsed.error))
      }
  }

  function count(table: string, where: Where = {}): number {
    const [row] = select('count(*) AS count', table, where)
    return row ? CountRow.parse(row).count : 0
  }

  return {
    each,
    labels: (table, kind, where) => [...each(table, kind, LabelRow, where)],
    count,
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
