import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { z } from 'zod'

/** One flight as the file has it. `flight` is its row's number in the file, from 0; times are epoch ms. */
export interface Flight {
  readonly flight: number
  /** Its place among those that are replayed, whatever the number. */
  readonly position: number
  readonly dateMs: number
  readonly origin: string
  readonly destination: string
  /** Miles. */
  readonly distance: number
  /** Minutes. */
  readonly delay: number
  /** When it had landed and its delay was known. */
  readonly landedMs: number
}

const Numbers = z.array(z.number())
const Texts = z.array(z.string())
const Columns = z.tuple([Numbers, Numbers, Texts, Texts, Numbers, Numbers])

const FILE = 'vega-datasets/data/flights-3m.parquet'

/** Every k-th flight of the file that left at `fromMs` or later, in the file's order. */
export async function readFlights(everyKth: number, fromMs: number): Promise<readonly Flight[]> {
  const [rows, dates, origins, destinations, distances, delays] = Columns.parse(
    await readColumns(
      `SELECT CAST(file_row_number AS DOUBLE), CAST(epoch_ms(date) AS DOUBLE), origin, destination,
         CAST(distance AS DOUBLE), CAST(delay AS DOUBLE)
       FROM read_parquet($file, file_row_number = true)
       WHERE file_row_number % $k = 0 AND epoch_ms(date) >= $from
       ORDER BY file_row_number`,
      { file: flightsFile(), k: everyKth, from: fromMs },
    ),
  )
  return rows.map((flight, row) => {
    const [dateMs = 0, distance = 0, delay = 0] = [dates[row], distances[row], delays[row]]
    return {
      flight,
      position: flight / everyKth,
      dateMs,
      origin: origins[row] ?? '',
      destination: destinations[row] ?? '',
      distance,
      delay,
      landedMs: landedMs(dateMs, distance, delay),
    }
  })
}

/** Half an hour on the ground, 8 s a mile (7.5 miles a minute), and the delay: as the project declares it. */
function landedMs(dateMs: number, distance: number, delay: number): number {
  return dateMs + 30 * 60_000 + distance * 8_000 + Math.max(delay, 0) * 60_000
}

/** A query's result by column, in DuckDB of this process. */
export async function readColumns(sql: string, params: Record<string, string | number>) {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  try {
    const result = await connection.runAndReadAll(sql, params)
    const columns = result.getColumnsJS()
    // A result without rows has no columns either.
    return result.columnNames().map((_, column) => columns[column] ?? [])
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

/** The package lists no such file among its exports, so it is looked for where Node would look. */
function flightsFile(): string {
  const folders = createRequire(import.meta.url).resolve.paths(FILE) ?? []
  const found = folders.map((folder) => join(folder, FILE)).find((path) => existsSync(path))
  if (found === undefined) throw new Error(`no ${FILE} in ${folders.join(', ')}; run npm ci`)
  return found
}
