import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api'

const EXAMPLE = fileURLToPath(new URL('../../examples/flights/', import.meta.url))
const FLIGHTS = 'vega-datasets/data/flights-3m.parquet'

/** Rows of a query; 64-bit integers as numbers. */
export type Ask = (sql: string) => Promise<readonly Record<string, unknown>[]>

/**
 * The flights' raw Parquet, an export of predictions and training rows as tables of one DuckDB, with late
 * rates computed flight by flight: each landing is written into the four half hours whose window of two hours
 * it belongs to. The product sums tiles instead. All in plain SQL, no code of Gyre's.
 */
export async function openFlights(exported: string): Promise<{
  readonly ask: Ask
  readonly close: () => void
}> {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  await connection.run(`SET TimeZone = 'UTC'`)
  await connection.run(tablesSql(flightsFile(), exported))
  return {
    ask: (sql) => rowsOf(connection, sql),
    close() {
      connection.closeSync()
      instance.closeSync()
    },
  }
}

async function rowsOf(
  connection: DuckDBConnection,
  sql: string,
): Promise<readonly Record<string, unknown>[]> {
  const rows = (await connection.runAndReadAll(sql)).getRowObjectsJS()
  return rows.map((row) =>
    Object.fromEntries(
      Object.entries(row).map(([name, value]) => [
        name,
        typeof value === 'bigint' ? Number(value) : value,
      ]),
    ),
  )
}

function flightsFile(): string {
  const folders = createRequire(join(EXAMPLE, 'demo.ts')).resolve.paths(FLIGHTS) ?? []
  const found = folders.map((folder) => join(folder, FLIGHTS)).find((path) => existsSync(path))
  if (found === undefined) throw new Error(`no ${FLIGHTS}`)
  return found
}

function tablesSql(raw: string, exported: string): string {
  return `
    CREATE TABLE raw AS
      SELECT file_row_number AS row, date, origin, destination, distance::DOUBLE AS distance,
        (delay > 15)::INTEGER AS late,
        date + to_seconds(30 * 60 + 8 * distance + 60 * greatest(delay, 0)) AS landed
      FROM read_parquet('${raw}', file_row_number = true);

    CREATE TABLE half_hours AS
      SELECT time_bucket(INTERVAL '30 minutes', landed + INTERVAL '29 minutes 59.999999 seconds')
          + i.i * INTERVAL '30 minutes' AS slot, origin, destination, late
      FROM raw, (SELECT unnest([0, 1, 2, 3]) AS i) AS i;
    CREATE TABLE origin_rates AS
      SELECT slot, origin, avg(late) AS rate FROM half_hours GROUP BY ALL;
    CREATE TABLE destination_rates AS
      SELECT slot, destination, avg(late) AS rate FROM half_hours GROUP BY ALL;
    CREATE TABLE network_rates AS SELECT slot, avg(late) AS rate FROM half_hours GROUP BY ALL;

    CREATE TABLE answered AS SELECT * FROM read_parquet('${exported}');
  `
}

/** Joins what was true at \`at\` to rows \`r\` with at, origin and destination. */
export function withTruth(relation: string): string {
  const slot = `time_bucket(INTERVAL '30 minutes', r."at")`
  return `SELECT r.*, o.rate AS true_origin, d.rate AS true_destination, n.rate AS true_network
    FROM (${relation}) AS r
    LEFT JOIN origin_rates AS o ON o.slot = ${slot} AND o.origin = r.origin
    LEFT JOIN destination_rates AS d ON d.slot = ${slot} AND d.destination = r.destination
    LEFT JOIN network_rates AS n ON n.slot = ${slot}`
}

/** n, late rate, log loss, AUC and calibration of each week's stable arm. AUC by ranks, ties at their mean. */
export const WEEKS_SQL = `
  WITH judged AS (
    SELECT datediff('day', TIMESTAMP '2001-02-01', "at") // 7 AS week, score, label
    FROM answered WHERE variant = 'stable' AND score IS NOT NULL AND label IS NOT NULL
  ), ranked AS (
    SELECT *, rank() OVER (PARTITION BY week ORDER BY score)
      + (count(*) OVER (PARTITION BY week, score) - 1) / 2 AS place
    FROM judged
  )
  SELECT week, count(*) AS n, avg(label) AS late_rate,
    avg(-(label * ln(score) + (1 - label) * ln(1 - score))) AS log_loss,
    (sum(place) FILTER (label = 1) - sum(label) * (sum(label) + 1) / 2)
      / (sum(label) * sum(1 - label)) AS auc,
    avg(score) - avg(label) AS calibration
  FROM ranked GROUP BY week ORDER BY week`

/**
 * PSI of a week's stable answers against the training rows: ten bins of equal counts, cut at the type-7
 * quantiles of the training rows; shares floored at 1e-6; 32-bit floats on both sides, as the model is served.
 */
export function psiSql(input: string, trained: string, week: number): string {
  const expected = `SELECT ${trained}::FLOAT AS x FROM training WHERE ${trained} IS NOT NULL`
  const actual = `SELECT ${input}::FLOAT AS x FROM answered WHERE variant = 'stable' AND status = 'ok'
    AND ${input} IS NOT NULL
    AND datediff('day', TIMESTAMP '2001-02-01', "at") // 7 = ${week}`
  const bin = 'len(list_filter(cuts, lambda cut: cut <= x))'
  return `
    WITH expected AS (${expected}), actual AS (${actual}), quantiles AS (
      SELECT min(${trained}::FLOAT) AS low,
        quantile_cont(${trained}::DOUBLE, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])::FLOAT[] AS cuts
      FROM training
    ), cut AS (
      SELECT list_distinct(list_filter(cuts, lambda cut: cut > low)) AS cuts FROM quantiles
    ), p AS (
      SELECT ${bin} AS bin, count(*) / (SELECT count(*) FROM expected) AS share
      FROM expected, cut GROUP BY bin
    ), q AS (
      SELECT ${bin} AS bin, count(*) / (SELECT count(*) FROM actual) AS share FROM actual, cut GROUP BY bin
    ), both_sides AS (
      SELECT greatest(coalesce(p.share, 0), 1e-6) AS p, greatest(coalesce(q.share, 0), 1e-6) AS q
      FROM p FULL JOIN q USING (bin)
    )
    SELECT sum((q - p) * ln(q / p)) AS psi FROM both_sides`
}
