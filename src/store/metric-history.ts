import { GyreError } from '../core/errors.ts'
import { among } from './among.ts'
import type { Tx } from './catalog.ts'
import {
  byTime,
  decodePoints,
  encodePoints,
  inOrder,
  type ChunkPoint,
  type Int64,
} from './metric-chunks.ts'

export interface MetricHistory {
  readonly points: readonly ChunkPoint[]
  /** Hand it in to get the next page; undefined on the last one. */
  readonly next: string | undefined
}

/** Chunks that are read at once. */
const READ_CHUNKS = 16

/**
 * One page of a metric's points by time, then step, then value; a point that was sent twice is there once.
 * Reads no more chunks than the page spans. Throws INVALID_ARGUMENT for a cursor of another list.
 */
export async function readHistory(
  db: Tx,
  run: number,
  key: string,
  limit: number,
  cursor: string | undefined,
): Promise<MetricHistory> {
  const after = cursor === undefined ? undefined : parseCursor(cursor)
  const chunks = await readPlaces(db, run, key, after)
  let points: readonly ChunkPoint[] = []
  for (let read = 0; read < chunks.length; read += READ_CHUNKS) {
    const numbers = chunks.slice(read, read + READ_CHUNKS).map(({ number }) => number)
    const fresh = await readPoints(db, run, key, numbers)
    points = inOrder([...points, ...fresh.filter((point) => !after || byTime(point, after) > 0)])
    const unread = chunks[read + READ_CHUNKS]
    const settled = unread
      ? points.findLastIndex(({ atMs }) => atMs < unread.fromMs) + 1
      : points.length
    if (settled > limit) break
  }
  const page = points.slice(0, limit)
  const last = page.at(-1)
  return { points: page, next: points.length > limit && last ? cursorOf(last) : undefined }
}

interface Place {
  readonly number: number
  readonly fromMs: Int64
}

/** The chunks that have a point at or after the time of `after`, earliest first. */
async function readPlaces(
  db: Tx,
  run: number,
  key: string,
  after: ChunkPoint | undefined,
): Promise<Place[]> {
  let query = db
    .selectFrom('metric_chunks')
    .select(['number', 'from_ms'])
    .where('run', '=', run)
    .where('key', '=', key)
  if (after) query = query.where('until_ms', '>=', after.atMs)
  const rows = await query.orderBy('from_ms').orderBy('number').execute()
  return rows.map(({ number, from_ms }) => ({ number, fromMs: from_ms }))
}

export async function readPoints(
  db: Tx,
  run: number,
  key: string,
  numbers: readonly number[],
): Promise<ChunkPoint[]> {
  const rows = await db
    .selectFrom('metric_chunks')
    .select('points')
    .where('run', '=', run)
    .where('key', '=', key)
    .where('number', 'in', among(numbers))
    .execute()
  return rows.flatMap(({ points }) => decodePoints(points))
}

function cursorOf(point: ChunkPoint): string {
  return Buffer.from(encodePoints([point])).toString('base64url')
}

/** 24 bytes in base64. */
const CURSOR = /^[\w-]{32}$/

function parseCursor(cursor: string): ChunkPoint {
  const [point] = CURSOR.test(cursor) ? decodePoints(Buffer.from(cursor, 'base64url')) : []
  if (point) return point
  throw new GyreError('INVALID_ARGUMENT', `cursor: expected one of this list's, got ${cursor}`, {
    field: 'cursor',
    got: cursor,
  })
}
