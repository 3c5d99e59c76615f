/** A whole number of 64 bits: a `number` where that is exact, else a `bigint`. */
export type Int64 = number | bigint

/** One measurement of a run's metric; `step` as the run counts, `atMs` epoch milliseconds. */
export interface ChunkPoint {
  readonly value: number
  readonly step: Int64
  readonly atMs: Int64
}

/** value float64, step int64, time int64, little-endian. */
export const POINT_BYTES = 24

/** Points as a chunk keeps them: 24 bytes each, NaN and the infinities too. */
export function encodePoints(points: readonly ChunkPoint[]): Uint8Array {
  const bytes = new Uint8Array(points.length * POINT_BYTES)
  const view = new DataView(bytes.buffer)
  let offset = 0
  for (const { value, step, atMs } of points) {
    view.setFloat64(offset, value, true)
    setInt64(view, offset + 8, step)
    setInt64(view, offset + 16, atMs)
    offset += POINT_BYTES
  }
  return bytes
}

export function decodePoints(bytes: Uint8Array): ChunkPoint[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const points: ChunkPoint[] = []
  for (let offset = 0; offset < bytes.byteLength; offset += POINT_BYTES)
    points.push({
      value: view.getFloat64(offset, true),
      step: getInt64(view, offset + 8),
      atMs: getInt64(view, offset + 16),
    })
  return points
}

/** Of the upper half of an int64. */
const HIGH = 2 ** 32

/** By halves, for a bigint is an object: a thousand points are written in half the time. */
function setInt64(view: DataView, offset: number, value: Int64): void {
  if (typeof value === 'bigint') {
    view.setBigInt64(offset, value, true)
    return
  }
  view.setUint32(offset, value >>> 0, true)
  view.setInt32(offset + 4, Math.floor(value / HIGH), true)
}

function getInt64(view: DataView, offset: number): Int64 {
  const value = view.getInt32(offset + 4, true) * HIGH + view.getUint32(offset, true)
  return Number.isSafeInteger(value) ? value : view.getBigInt64(offset, true)
}

/** By time, then step, then value with NaN first: the order of a history. */
export function byTime(a: ChunkPoint, b: ChunkPoint): number {
  return order(a.atMs, b.atMs) || order(a.step, b.step) || byValue(a.value, b.value)
}

/** By step, then time, then value with NaN first: the greatest is the metric of its run. */
export function byStep(a: ChunkPoint, b: ChunkPoint): number {
  return order(a.step, b.step) || order(a.atMs, b.atMs) || byValue(a.value, b.value)
}

function byValue(a: number, b: number): number {
  return order(Number(!Number.isNaN(a)), Number(!Number.isNaN(b))) || order(a, b)
}

function order(a: Int64, b: Int64): number {
  if (a < b) return -1
  return a > b ? 1 : 0
}

/** In the order of a history, a point that was sent twice once. */
export function inOrder(points: readonly ChunkPoint[]): ChunkPoint[] {
  const sorted = points.toSorted(byTime)
  return sorted.filter((point, i) => {
    const before = sorted[i - 1]
    return before === undefined || byTime(before, point) !== 0
  })
}

/** The first, lowest, highest and last by step of at least one point; where there is no finite value any stands for it. */
export function summarise(points: readonly ChunkPoint[]): Uint8Array {
  const [any] = points
  if (!any) return new Uint8Array()
  let [first, low, high, last] = [any, any, any, any]
  for (const point of points) {
    if (byStep(point, first) < 0) first = point
    if (byStep(point, last) > 0) last = point
    if (point.value < low.value || Number.isNaN(low.value)) low = point
    if (point.value > high.value || Number.isNaN(high.value)) high = point
  }
  return encodePoints([first, low, high, last])
}

/** Times of the earliest and the latest of at least one point. */
export function timesOf(points: readonly ChunkPoint[]): { fromMs: Int64; untilMs: Int64 } {
  let [fromMs, untilMs] = [points[0]?.atMs ?? 0, points[0]?.atMs ?? 0]
  for (const { atMs } of points) {
    if (atMs < fromMs) fromMs = atMs
    if (atMs > untilMs) untilMs = atMs
  }
  return { fromMs, untilMs }
}

/** An integer as its decimal digits say it. */
export function toInt64(text: string): Int64 {
  const number = Number(text)
  return Number.isSafeInteger(number) ? number : BigInt(text)
}
