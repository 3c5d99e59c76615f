import {
  byStep,
  decodePoints,
  encodePoints,
  inOrder,
  POINT_BYTES,
  summarise,
  timesOf,
  type ChunkPoint,
  type Int64,
} from '../metric-chunks.ts'
import type { Sql, SqlValue } from './sql.ts'

/** New points of several metrics in one piece, as they cross to the catalog: a thousand pieces take it a millisecond. */
export interface PackedSeries {
  readonly keys: readonly string[]
  /** Points of each key, at least one. */
  readonly counts: readonly number[]
  /** By `encodePoints`, key after key. */
  readonly points: Uint8Array
}

/** Appends the points of every key. */
export function logPacked(sql: Sql, run: SqlValue, { keys, counts, points }: PackedSeries): void {
  let start = 0
  for (const [i, key] of keys.entries()) {
    const end = start + (counts[i] ?? 0) * POINT_BYTES
    logSeries(sql, run, key, decodePoints(points.subarray(start, end)))
    start = end
  }
}

/** A chunk takes single points until it has so many; then the next one begins. */
const TAIL_POINTS = 64

/** So many chunks since the last merge are merged… */
const MERGE_CHUNKS = 64

/** …into chunks of so many points, some 100 KB. */
const MERGED_POINTS = 4_096

/** Where the points of one key lie, and its newest one. */
interface Series {
  readonly newest: ChunkPoint | undefined
  /** Number of the chunk that comes next; those below `merged` are large. */
  readonly chunks: number
  readonly merged: number
  /** Points in the last chunk. */
  readonly tail: number
}

/** Appends points in chunks, and keeps the point of greatest step, then latest time, then greatest value. */
function logSeries(sql: Sql, run: SqlValue, key: string, added: readonly ChunkPoint[]): void {
  const { newest, chunks, merged, tail } = readSeries(sql, run, key)
  const isOpen = chunks > merged && tail + added.length <= TAIL_POINTS
  const points = isOpen ? [...readTail(sql, run, key, chunks - 1), ...added] : added
  const number = isOpen ? chunks - 1 : chunks
  putChunk(sql, run, key, number, points)
  let latest = newest
  for (const point of added) if (!latest || byStep(point, latest) > 0) latest = point
  const grown = { newest: latest, chunks: number + 1, merged, tail: points.length }
  putSeries(
    sql,
    run,
    key,
    grown.chunks - merged < MERGE_CHUNKS ? grown : merge(sql, run, key, grown),
  )
}

function readSeries(sql: Sql, run: SqlValue, key: string): Series {
  const [row] = sql.all(
    `SELECT value, step, at_ms, chunks, merged, tail FROM run_metrics WHERE run = ? AND key = ?`,
    [run, key],
  )
  if (!row) return { newest: undefined, chunks: 0, merged: 0, tail: 0 }
  const [value, step, atMs, chunks, merged, tail] = row
  const newest = {
    value: value === null ? Number.NaN : Number(value),
    step: int64(step),
    atMs: int64(atMs),
  }
  return { newest, chunks: Number(chunks), merged: Number(merged), tail: Number(tail) }
}

function int64(value: SqlValue | undefined): Int64 {
  return typeof value === 'bigint' ? value : Number(value)
}

function readTail(sql: Sql, run: SqlValue, key: string, number: number): ChunkPoint[] {
  const [row] = sql.all(
    'SELECT points FROM metric_chunks WHERE run = ? AND key = ? AND number = ?',
    [run, key, number],
  )
  return pointsIn(row)
}

function pointsIn(row: readonly SqlValue[] | undefined): ChunkPoint[] {
  const bytes = row?.[0]
  return bytes instanceof Uint8Array ? decodePoints(bytes) : []
}

function putChunk(
  sql: Sql,
  run: SqlValue,
  key: string,
  number: number,
  points: readonly ChunkPoint[],
): void {
  const { fromMs, untilMs } = timesOf(points)
  sql.run(
    `INSERT INTO metric_chunks (run, key, number, from_ms, until_ms, summary, points)
      VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (run, key, number) DO UPDATE SET
      from_ms = excluded.from_ms, until_ms = excluded.until_ms, summary = excluded.summary,
      points = excluded.points`,
    [run, key, number, fromMs, untilMs, summarise(points), encodePoints(points)],
  )
}

function putSeries(sql: Sql, run: SqlValue, key: string, series: Series): void {
  const { newest, chunks, merged, tail } = series
  if (!newest) return
  // SQLite stores NaN as NULL; the infinities it keeps.
  const value = Number.isNaN(newest.value) ? null : newest.value
  sql.run(
    `INSERT INTO run_metrics (run, key, value, step, at_ms, chunks, merged, tail)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (run, key) DO UPDATE SET
      value = excluded.value, step = excluded.step, at_ms = excluded.at_ms,
      chunks = excluded.chunks, merged = excluded.merged, tail = excluded.tail`,
    [run, key, value, newest.step, newest.atMs, chunks, merged, tail],
  )
}

/** Turns the small chunks of a key into large ones, in the order of time. */
function merge(sql: Sql, run: SqlValue, key: string, series: Series): Series {
  const { merged } = series
  const small = sql.all(
    'SELECT points FROM metric_chunks WHERE run = ? AND key = ? AND number >= ?',
    [run, key, merged],
  )
  const points = inOrder(small.flatMap(pointsIn))
  sql.run('DELETE FROM metric_chunks WHERE run = ? AND key = ? AND number >= ?', [run, key, merged])
  let number = merged
  for (let start = 0; start < points.length; start += MERGED_POINTS)
    putChunk(sql, run, key, number++, points.slice(start, start + MERGED_POINTS))
  return { ...series, chunks: number, merged: number, tail: MERGED_POINTS }
}
