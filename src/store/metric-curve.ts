import type { Tx } from './catalog.ts'
import { decodePoints, type ChunkPoint, type Int64 } from './metric-chunks.ts'
import { readPoints } from './metric-history.ts'

/** What a metric was at a step, whenever and however often it was told. */
export type CurvePoint = Pick<ChunkPoint, 'step' | 'value'>

/** Points that are read at once, and chunks. */
const PAGE = 10_000
const READ_CHUNKS = 16

/** A metric by step, then value, NaN first and −0 before 0; the memory that it takes does not grow with the history. */
export async function* readCurve(db: Tx, run: number, key: string): AsyncGenerator<CurvePoint> {
  for (let after: CurvePoint | undefined; ;) {
    const page = await readPage(db, run, key, after)
    yield* page
    after = page.at(-1)
    if (page.length < PAGE) return
  }
}

async function readPage(
  db: Tx,
  run: number,
  key: string,
  after: CurvePoint | undefined,
): Promise<readonly CurvePoint[]> {
  const chunks = await chunksFrom(db, run, key, after)
  let points: readonly CurvePoint[] = []
  for (let read = 0; read < chunks.length; read += READ_CHUNKS) {
    const last = points.at(-1)
    const next = chunks[read]
    if (points.length === PAGE && last && next && last.step < next.fromStep) break
    const numbers = chunks.slice(read, read + READ_CHUNKS).map(({ number }) => number)
    const fresh = await readPoints(db, run, key, numbers)
    const later = fresh.filter((point) => !after || byCurve(point, after) > 0)
    points = once([...points, ...later].toSorted(byCurve)).slice(0, PAGE)
  }
  return points
}

interface Place {
  readonly number: number
  readonly fromStep: Int64
}

/** The chunks that have a point at or after the step of `after`, those of the first steps first. */
async function chunksFrom(
  db: Tx,
  run: number,
  key: string,
  after: CurvePoint | undefined,
): Promise<readonly Place[]> {
  const rows = await db
    .selectFrom('metric_chunks')
    .select(['number', 'summary'])
    .where('run', '=', run)
    .where('key', '=', key)
    .execute()
  return rows
    .flatMap(({ number, summary }) => {
      const extremes = decodePoints(summary)
      const [first, last] = [extremes[0], extremes.at(-1)]
      if (!first || !last || (after && last.step < after.step)) return []
      return [{ number, fromStep: first.step }]
    })
    .toSorted((a, b) => compare(a.fromStep, b.fromStep))
}

function once(sorted: readonly CurvePoint[]): readonly CurvePoint[] {
  return sorted.filter((point, i) => {
    const before = sorted[i - 1]
    return before === undefined || byCurve(before, point) !== 0
  })
}

export function byCurve(a: CurvePoint, b: CurvePoint): number {
  return compare(a.step, b.step) || byBits(a.value, b.value)
}

/** Zero for the same double alone. */
function byBits(a: number, b: number): number {
  if (Object.is(a, b)) return 0
  if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) ? -1 : 1
  return compare(a, b) || (Object.is(a, -0) ? -1 : 1)
}

function compare(a: Int64, b: Int64): number {
  if (a < b) return -1
  return a > b ? 1 : 0
}
