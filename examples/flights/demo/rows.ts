import { createRequire } from 'node:module'
import { DuckDBInstance } from '@duckdb/node-api'

/** One flight as the file has it. `flight` is its row's number in the file, from 0; times are epoch ms. */
export interface Flight {
  readonly flight: number
  readonly dateMs: number
  readonly origin: string
  readonly destination: string
  readonly distance: number
  /** Minutes. */
  readonly delay: number
  /** When it had landed and its delay was known. */
  readonly landedMs: number
}

export const FLIGHTS_FILE = createRequire(import.meta.url).resolve('vega-datasets/data/flights-3m.parquet')

/** Every k-th flight of the file that left at `fromMs` or later, in the file's order. */
export async function readFlights(everyKth: number, fromMs: number): Promise<readonly Flight[]> {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  const reader = await connection.runAndReadAll(
    `SELECT file_row_number AS flight, epoch_ms(date) AS date_ms, origin, destination, distance, delay
     FROM read_parquet($file, file_row_number = true)
     WHERE file_row_number % $k = 0 AND epoch_ms(date) >= $from
     ORDER BY file_row_number`,
    { file: FLIGHTS_FILE, k: everyKth, from: BigInt(fromMs) },
  )
  const [flights = [], dates = [], origins = [], destinations = [], distances = [], delays = []] =
    reader.getColumnsJS()
  connection.closeSync()
  instance.closeSync()
  return flights.map((flight, row) => {
    const [dateMs, distance, delay] = [Number(dates[row]), Number(distances[row]), Number(delays[row])]
    return {
      flight: Number(flight),
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
