import type { FeatureSpec } from '@gyre/sdk/wire/feature'
import { sqlName, sqlText } from '../store/analytics.ts'
import type { LabelledColumns } from './training-rows.ts'

/** A column that ends up in a feature, and how. */
export interface Carrier {
  readonly column: string
  readonly aggregate: FeatureSpec['aggregate']
}

/** Rows with a label, and the moment from which each label is known. */
export interface LabelledSide {
  readonly path: string
  readonly columns: LabelledColumns
}

/** Rows that a view is computed from. */
export interface SourceSide {
  readonly path: string
  readonly eventTime: string
  readonly carriers: readonly Carrier[]
}

/** How rows of the two sides are told to be about the same thing. */
export type Match =
  | { readonly by: 'identity' }
  /** Equal values in `keys`; rows whose values another row shares are left out. */
  | { readonly by: 'keys'; readonly keys: readonly string[] }
  /** The n-th row in time among those with equal `keys`, where both sides have as many of them. */
  | { readonly by: 'rank'; readonly keys: readonly string[] }

/**
 * SQL that answers one row about the matched rows: `source` and `matched` (row counts), `early` (how many have
 * an event time before their label is known), `early_ms` (by how much, median), and `auc0`, `auc1`, … : how
 * well each carrier alone ranks the labels (0.5 = not at all; NULL where one class is missing).
 */
export function leakageSql(labelled: LabelledSide, source: SourceSide, match: Match): string {
  const aucs = source.carriers.map(
    (carrier, i) => `greatest(${rankings(carrier, i).map(strengthSql).join(', ')}) AS auc${i}`,
  )
  return `WITH m AS MATERIALIZED (${MATCHED[match.by](labelled, source, keysOf(match))})
    SELECT (SELECT count(*) FROM read_parquet(${sqlText(source.path)})) AS source,
      (SELECT count(e) FROM m) AS matched,
      (SELECT count(*) FROM m WHERE e < known) AS early,
      (SELECT median(epoch_ms(known) - epoch_ms(e)) FROM m WHERE e < known)::DOUBLE AS early_ms,
      ${aucs.join(', ')}`
}

/** Share of a file's rows that have a combination of `keys` to themselves, as `share`. */
export function uniquenessSql(path: string, keys: readonly string[]): string {
  return `SELECT coalesce(sum(n) FILTER (WHERE n = 1) / sum(n), 0)::DOUBLE AS share
    FROM (SELECT count(*) AS n FROM read_parquet(${sqlText(path)})
      GROUP BY ${keys.length > 0 ? keys.map(sqlName).join(', ') : 'true'})`
}

function keysOf(match: Match): readonly string[] {
  return match.by === 'identity' ? [] : match.keys
}

type MatchSql = (labelled: LabelledSide, source: SourceSide, keys: readonly string[]) => string

const MATCHED: Readonly<Record<Match['by'], MatchSql>> = {
  identity: ({ columns }, source) =>
    `SELECT ${labelColumns(columns)}, ${sourceColumns(source)}
     FROM read_parquet(${sqlText(source.path)})
     WHERE ${sqlName(columns.label)} IS NOT NULL AND ${sqlName(columns.knownAt)} IS NOT NULL`,
  keys: (labelled, source, keys) => {
    const names = keys.map(sqlName)
    const unique = `QUALIFY count(*) OVER (PARTITION BY ${names.join(', ')}) = 1`
    return `SELECT * FROM (SELECT ${names.join(', ')}, ${labelColumns(labelled.columns)}
        FROM read_parquet(${sqlText(labelled.path)}) WHERE ${isLabelled(labelled)} ${unique})
      LEFT JOIN (SELECT ${names.join(', ')}, ${sourceColumns(source)}
        FROM read_parquet(${sqlText(source.path)}) ${unique}) USING (${names.join(', ')})`
  },
  rank: (labelled, source, keys) => {
    const names = keys.map((_, i) => `k${i}`)
    const ranked = (time: string) => {
      const partition = names.length > 0 ? `PARTITION BY ${names.join(', ')}` : ''
      const tied = `PARTITION BY ${[...names, time].join(', ')}`
      return `*, row_number() OVER (${partition} ORDER BY ${time}) AS nth,
        count(*) OVER (${partition}) AS many, count(*) OVER (${tied}) = 1 AS alone`
    }
    const named = keys.map((key, i) => `${sqlName(key)} AS k${i}`)
    // Rows that tie in time have no rank of their own and would match whatever suits them.
    return `SELECT * FROM
        (SELECT ${ranked('known')} FROM (SELECT ${[...named, labelColumns(labelled.columns)].join(', ')}
          FROM read_parquet(${sqlText(labelled.path)}) WHERE ${isLabelled(labelled)}))
      JOIN (SELECT * RENAME (alone AS alone_too) FROM
        (SELECT ${ranked('e')} FROM (SELECT ${[...named, sourceColumns(source)].join(', ')}
          FROM read_parquet(${sqlText(source.path)}))))
      USING (${[...names, 'nth', 'many'].join(', ')}) WHERE alone AND alone_too`
  },
}

function isLabelled({ columns }: LabelledSide): string {
  return `${sqlName(columns.label)} IS NOT NULL AND ${sqlName(columns.knownAt)} IS NOT NULL`
}

function labelColumns(columns: LabelledColumns): string {
  return `CAST(${sqlName(columns.label)} AS INTEGER) AS y, ${sqlName(columns.knownAt)} AS known`
}

function sourceColumns({ eventTime, carriers }: SourceSide): string {
  const columns = carriers.map(({ column, aggregate }, i) =>
    aggregate === 'count'
      ? `(${sqlName(column)} IS NOT NULL)::DOUBLE AS c${i}`
      : `${sqlName(column)}::DOUBLE AS c${i}`,
  )
  return [`${sqlName(eventTime)} AS e`, ...columns].join(', ')
}

/** What a row adds to the feature. A row that is not there adds nothing to a count or a sum, which tells something too. */
function rankings({ aggregate }: Carrier, i: number): readonly string[] {
  if (aggregate === 'count') return [`coalesce(c${i}, 0)`]
  return aggregate === 'sum' ? [`c${i}`, `coalesce(c${i}, 0)`] : [`c${i}`]
}

/** Area under the ROC curve of `value` against the labels, folded to 0.5 … 1: a column that says the opposite tells as much. */
function strengthSql(value: string): string {
  return `(SELECT 0.5 + abs(sum(ones * (below + zeros / 2)) / nullif(sum(ones) * sum(zeros), 0) - 0.5)
    FROM (SELECT ones, zeros, sum(zeros) OVER (ORDER BY v ROWS UNBOUNDED PRECEDING) - zeros AS below
      FROM (SELECT ${value} AS v, count(*) FILTER (WHERE y <> 0)::DOUBLE AS ones,
              count(*) FILTER (WHERE y = 0)::DOUBLE AS zeros
            FROM m WHERE ${value} IS NOT NULL GROUP BY v)))`
}
