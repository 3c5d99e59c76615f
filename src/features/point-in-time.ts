import { sqlInstant } from '../data/instant.ts'
import { sqlName, sqlText } from '../store/analytics.ts'
import { EVENT_TIME } from './feature-view.ts'

/** The offline rows of a view, and what of them is wanted. */
export interface JoinedView {
  readonly name: string
  readonly path: string
  readonly entity: readonly string[]
  /** 0 = no limit. */
  readonly ttlMs: number
  readonly features: readonly string[]
}

/** What is joined to: any relation with the views' entity columns, and the name of its time column. */
export interface JoinedRows {
  readonly relation: string
  readonly at: string
  /** No row is later than this; newer rows of the views are not even read. Epoch ms. */
  readonly untilMs: number
}

/**
 * SQL of `rows` with a column `view:feature` per wanted feature: per view and entity the newest row with
 * `at − ttl ≤ event_ts ≤ at`, NULL where there is none; a NULL value of the newest row survives. Feast's
 * rules: both bounds included, ttl 0 = no limit, time in UTC. Views have one row per entity and instant, so
 * nothing ties; instants count in whole milliseconds, as online.
 */
export function pointInTimeSql(rows: JoinedRows, views: readonly JoinedView[]): string {
  const at = `date_trunc('milliseconds', r.${sqlName(rows.at)})`
  const columns = views.flatMap((view, v) =>
    view.features.map((feature, f) => {
      const name = sqlName(`${view.name}:${feature}`)
      // The newest row is the only candidate, so its age may be judged after the join.
      return view.ttlMs === 0
        ? `v${v}.f${f} AS ${name}`
        : `CASE WHEN v${v}.t >= ${at} - ${milliseconds(view.ttlMs)} THEN v${v}.f${f} END AS ${name}`
    }),
  )
  const joins = views.map((view, v) => {
    const same = view.entity.map((column, e) => `r.${sqlName(column)} = v${v}.e${e}`)
    const on = [...same, `${at} >= v${v}.t`].join(' AND ')
    return `ASOF LEFT JOIN (${rowsOf(view, rows.untilMs)}) AS v${v} ON ${on}`
  })
  return `SELECT ${['r.*', ...columns].join(', ')} FROM ${rows.relation} AS r ${joins.join(' ')}`
}

function rowsOf({ path, entity, features }: JoinedView, untilMs: number): string {
  const columns = [
    `${EVENT_TIME} AS t`,
    ...entity.map((name, e) => `${sqlName(name)} AS e${e}`),
    ...features.map((name, f) => `${sqlName(name)} AS f${f}`),
  ]
  return `SELECT ${columns.join(', ')} FROM read_parquet(${sqlText(path)})
    WHERE ${EVENT_TIME} <= ${sqlInstant(untilMs)}`
}

function milliseconds(ms: number): string {
  return `to_milliseconds(${ms})`
}
