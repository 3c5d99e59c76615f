import type { FeatureSpec, ViewSpec } from '@gyre/sdk/wire/feature'
import { durationMs } from '../core/duration.ts'
import { sqlName, sqlText } from '../store/analytics.ts'
import { EVENT_TIME, gridMs } from './feature-view.ts'

/** Where a view's rows come from: the dataset's Parquet and DuckDB's type of each of its columns. */
export interface ViewSource {
  readonly path: string
  readonly types: ReadonlyMap<string, string>
}

/**
 * SQL of a view's offline rows: (entity columns, `event_ts`, features as DOUBLE), sorted by time and entity,
 * one row per entity and instant. First a tile per entity and grid cell, then windows over the tiles: the
 * cost follows the number of tiles, however wide the windows are. Rows without an event time or with a NULL
 * in an entity column count nowhere.
 */
export function viewSql(view: ViewSpec, source: ViewSource): string {
  const entity = view.entity.map((_, i) => `e${i}`)
  const features = Object.entries(view.features).map(([name, spec], i) => ({
    name,
    parts: PARTS[spec.aggregate](spec, i, source.types),
    value: featureSql(spec, i),
  }))
  const parts = features.flatMap((feature) => feature.parts)
  const grid = `tiles AS (${tilesSql(view, source, parts)}), grid AS (${gridSql(view, parts)})`
  const outputs = [
    ...view.entity.map((name, i) => `e${i} AS ${sqlName(name)}`),
    `make_timestamp(g * 1000) AS ${EVENT_TIME}`,
    ...features.map(({ name, value }) => `CAST(${value} AS DOUBLE) AS ${sqlName(name)}`),
  ]
  return `WITH ${grid} SELECT ${outputs.join(', ')} FROM grid
    WINDOW ${windowsSql(view)} ${onlyChanges(view)} ORDER BY ${[EVENT_TIME, ...entity].join(', ')}`
}

/** The first instant of the grid at or after a timestamp, as epoch ms. Integers: division must not round. */
function cellSql(time: string, everyMs: number): string {
  const us = `epoch_us(${time})`
  const width = everyMs * 1000
  return `(${us} // ${width} + CASE WHEN ${us} % ${width} > 0 THEN 1 ELSE 0 END) * ${everyMs}`
}

/** A partial aggregate of a tile. */
interface Part {
  readonly name: string
  readonly sql: string
}

type PartsOf = (spec: FeatureSpec, i: number, types: ReadonlyMap<string, string>) => readonly Part[]

const PARTS: Readonly<Record<FeatureSpec['aggregate'], PartsOf>> = {
  mean: (spec, i, types) => [...PARTS.sum(spec, i, types), ...PARTS.count(spec, i, types)],
  sum: ({ column }, i, types) => [{ name: `s${i}`, sql: sumSql(column, types) }],
  count: ({ column }, i) => [{ name: `c${i}`, sql: `count(${sqlName(column)})::DOUBLE` }],
  min: ({ column }, i, types) => [{ name: `v${i}`, sql: `min(${numberSql(column, types)})` }],
  max: ({ column }, i, types) => [{ name: `v${i}`, sql: `max(${numberSql(column, types)})` }],
  // Not arg_max: that one passes over NULL values, and a NULL must win when it is the newest.
  last: ({ column }, i, types) => [
    { name: `v${i}`, sql: `arg_max_null(${numberSql(column, types)}, age)` },
  ],
}

function numberSql(column: string, types: ReadonlyMap<string, string>): string {
  return types.get(column) === 'BOOLEAN' ? `${sqlName(column)}::INTEGER` : sqlName(column)
}

/** Sums of floats depend on their order, so they are taken in the order of the file. */
function sumSql(column: string, types: ReadonlyMap<string, string>): string {
  const float = /^(FLOAT|DOUBLE)$/.test(types.get(column) ?? '')
  return float
    ? `sum(${sqlName(column)} ORDER BY age)::DOUBLE`
    : `sum(${numberSql(column, types)})::DOUBLE`
}

function tilesSql(view: ViewSpec, { path }: ViewSource, parts: readonly Part[]): string {
  const entity = view.entity.map((name, i) => `${sqlName(name)} AS e${i}`)
  const columns = [
    ...entity,
    `${cellSql(sqlName(view.eventTime), gridMs(view))} AS g`,
    '1::TINYINT AS n',
    ...parts.map(({ name, sql }) => `${sql} AS ${name}`),
  ]
  const present = [view.eventTime, ...view.entity].map((name) => `${sqlName(name)} IS NOT NULL`)
  const age = `{ 'time': ${sqlName(view.eventTime)}, 'row': file_row_number }`
  return `SELECT ${columns.join(', ')}
    FROM (SELECT *, ${age} AS age FROM read_parquet(${sqlText(path)}, file_row_number = true))
    WHERE ${present.join(' AND ')} GROUP BY ALL`
}

/** The tiles, and an empty one wherever a tile leaves a window. */
function gridSql(view: ViewSpec, parts: readonly Part[]): string {
  const widths = windowWidths(view)
  if (widths.length === 0) return 'SELECT * FROM tiles'
  const entity = view.entity.map((_, i) => `e${i}`)
  const leaving = widths.map(
    (ms) => `SELECT ${[...entity, `g + ${ms} AS g`, '0::TINYINT AS n'].join(', ')} FROM tiles`,
  )
  const columns = [
    ...entity,
    'g',
    'max(n) AS n',
    ...parts.map(({ name }) => `any_value(${name}) AS ${name}`),
  ]
  return `SELECT ${columns.join(', ')}
    FROM (SELECT * FROM tiles UNION ALL BY NAME ${leaving.join(' UNION ALL BY NAME ')})
    GROUP BY ALL`
}

function windowWidths(view: ViewSpec): readonly number[] {
  const widths = Object.values(view.features).flatMap(({ over }) =>
    over === undefined ? [] : [durationMs(over)],
  )
  return [...new Set(widths)]
}

function windowName(over: string | undefined): string {
  return over === undefined ? 'always' : `last_${durationMs(over)}_ms`
}

function windowsSql(view: ViewSpec): string {
  const partition = view.entity.map((_, i) => `e${i}`)
  const by = partition.length > 0 ? `PARTITION BY ${partition.join(', ')}` : ''
  const bounded = windowWidths(view).map(
    (ms) => `last_${ms}_ms AS (${by} ORDER BY g RANGE BETWEEN ${ms - 1} PRECEDING AND CURRENT ROW)`,
  )
  return [`always AS (${by} ORDER BY g)`, ...bounded].join(', ')
}

/** A feature's value at an instant: NULL where its window holds no row. */
function featureSql({ aggregate, over }: FeatureSpec, i: number): string {
  const window = `OVER ${windowName(over)}`
  const filled = (value: string) => `CASE WHEN max(n) ${window} > 0 THEN ${value} END`
  switch (aggregate) {
    case 'mean':
      return `sum(s${i}) ${window} / nullif(sum(c${i}) ${window}, 0)`
    case 'sum':
      return `sum(s${i}) ${window}`
    case 'count':
      return filled(`sum(c${i}) ${window}`)
    case 'min':
    case 'max':
      return `${aggregate}(v${i}) ${window}`
    case 'last':
      return `last_value(CASE WHEN n > 0 THEN { 'v': v${i} } END IGNORE NULLS) ${window}.v`
  }
}

/** Values that stay valid for ever need a row only where one of them changes. */
function onlyChanges(view: ViewSpec): string {
  if (windowWidths(view).length > 0 || durationMs(view.ttl) > 0) return ''
  const changed = Object.keys(view.features).map(
    (_, i) => `v${i} IS DISTINCT FROM lag(v${i}) OVER always`,
  )
  return `QUALIFY row_number() OVER always = 1 OR ${changed.join(' OR ')}`
}
