import { sql } from 'kysely'
import type { Tx } from './catalog.ts'
import { byStep, decodePoints, inOrder, type ChunkPoint } from './metric-chunks.ts'

export interface ChartRange {
  /** Steps, both inclusive. */
  readonly from: number
  readonly until: number
}

/** Up to so many chunks are read whole, some 260,000 points; beyond that each stands with its four extremes. */
const WHOLE_CHUNKS = 64

/** Points that a bucket keeps: its first, lowest, highest and last. */
const KEPT = 4

/**
 * At most `most` points of a metric by step, the lowest and the highest of every stretch among them, however
 * long it is: all of them where there are no more.
 */
export async function readChart(
  db: Tx,
  run: number,
  key: string,
  most: number,
  range?: ChartRange,
): Promise<readonly ChunkPoint[]> {
  const { chunks } = await db
    .selectFrom('metric_chunks')
    .select((eb) => eb.fn.countAll<number>().as('chunks'))
    .where('run', '=', run)
    .where('key', '=', key)
    .executeTakeFirstOrThrow()
  const column = chunks > WHOLE_CHUNKS ? 'summary' : 'points'
  const rows = await db
    .selectFrom('metric_chunks')
    .select(sql<Uint8Array>`${sql.ref(column)}`.as('bytes'))
    .where('run', '=', run)
    .where('key', '=', key)
    .execute()
  const points = inOrder(rows.flatMap(({ bytes }) => decodePoints(bytes))).toSorted(byStep)
  const inside = range
    ? points.filter(({ step }) => step >= range.from && step <= range.until)
    : points
  return thin(inside, most)
}

/** At most `most` of the points, which come by step: of each of equal stretches its first, lowest, highest and last. */
export function thin(points: readonly ChunkPoint[], most: number): readonly ChunkPoint[] {
  const [first, last] = [points[0], points.at(-1)]
  if (points.length <= most || !first || !last) return points
  const buckets = Math.max(1, Math.floor(most / KEPT))
  const width = (Number(last.step) - Number(first.step)) / buckets || 1
  const kept: ChunkPoint[] = []
  let bucket: ChunkPoint[] = []
  let end = Number(first.step) + width
  for (const point of points) {
    if (Number(point.step) >= end && point !== last) {
      kept.push(...extremesOf(bucket))
      bucket = []
      end += Math.ceil((Number(point.step) - end + 1) / width) * width
    }
    bucket.push(point)
  }
  return [...kept, ...extremesOf(bucket)]
}

function extremesOf(points: readonly ChunkPoint[]): readonly ChunkPoint[] {
  const [first, last] = [points[0], points.at(-1)]
  if (!first || !last) return []
  let [low, high] = [first, first]
  for (const point of points) {
    if (point.value < low.value || Number.isNaN(low.value)) low = point
    if (point.value > high.value || Number.isNaN(high.value)) high = point
  }
  return [...new Set([first, low, high, last])].toSorted(byStep)
}
