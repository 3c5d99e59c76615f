import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'

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

const FILE = 'vega-datasets/data/flights-3m.parquet'

/** Every k-th flight of the file that left at `fromMs` or later, in the file's order. */
export async function readFlights(everyKth: number, fromMs: number): Promise<readonly Flight[]> {
  const columns = await readColumns(
    `SELECT file_row_number, epoch_ms(date), origin, destination, distance, delay
     FROM read_parquet($file, file_row_number = true)
     WHERE file_row_number % $k = 0 AND epoch_ms(date) >= $from
     ORDER BY file_row_number`,
    { file: flightsFile(), k: everyKth, from: fromMs },
  )
  const [flights = [], dates = [], origins = [], destinations = [], distances = [], delays = []] =
    columns
  return flights.map((flight, row) => {
    const [dateMs, distance, delay] = [
      Number(dates[row]),
      Number(distances[row]),
      Number(delays[row]),
    ]
    return {
      flight: Number(flight),
      position: Number(flight) / everyKth,
      dateMs,
      origin: String(origins[row]),
      destination: String(destinations[row]),
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
    return (await connection.runAndReadAll(sql, params)).getColumnsJS()
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
