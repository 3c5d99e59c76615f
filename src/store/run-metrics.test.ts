import { expect, test } from 'vitest'
import { seededRandom } from '../core/random.ts'
import { CTX, wired } from './contract/wired.ts'
import { createEvents } from './events.ts'
import { readChart, thin } from './metric-chart.ts'
import { decodePoints, encodePoints, type ChunkPoint } from './metric-chunks.ts'
import { readHistory } from './metric-history.ts'
import { logToRun, type RunPoint } from './run-metrics.ts'
import { createRuns } from './runs.ts'

async function opened() {
  const parts = await wired()
  const runs = createRuns({ ...parts, events: createEvents(parts) })
  const { id } = await runs.start(CTX, { kind: 'training', name: 'fit' })
  const { seq } = await parts.catalog.write((tx) => logToRun(tx, CTX, id, {}))
  const log = (points: readonly RunPoint[]) =>
    parts.catalog.write((tx) => logToRun(tx, CTX, id, { points }))
  async function history(key: string, page = 1_000_000): Promise<ChunkPoint[]> {
    const all: ChunkPoint[] = []
    let cursor: string | undefined
    do {
      const { points, next } = await readHistory(parts.catalog.read, seq, key, page, cursor)
      expect(points.length).toBeLessThanOrEqual(page)
      all.push(...points)
      cursor = next
    } while (cursor !== undefined)
    return all
  }
  const chunks = () =>
    parts.catalog.read.selectFrom('metric_chunks').select(['key', 'number']).execute()
  return { ...parts, runs, id, seq, log, history, chunks }
}

const rankOf = (value: number): number => (Number.isNaN(value) ? -Infinity : value)

/** What a history must be: every point once, by time, then step, then value; NaN below every number. */
function expected(points: readonly RunPoint[], key: string): ChunkPoint[] {
  const once = new Map(
    points
      .filter((point) => point.key === key)
      .map(({ value, step, atMs }) => [`${value},${step},${atMs}`, { value, step, atMs }]),
  )
  return [...once.values()].toSorted(
    (a, b) =>
      Number(a.atMs) - Number(b.atMs) ||
      Number(a.step) - Number(b.step) ||
      rankOf(a.value) - rankOf(b.value),
  )
}

test('NaN, the infinities and whole numbers of 64 bits come back from a chunk as they went in', () => {
  const [least, most] = [-(2n ** 63n), 2n ** 63n - 1n]
  const points = [
    { value: Number.NaN, step: least, atMs: 0 },
    { value: -Infinity, step: -1, atMs: most },
    { value: 5e-324, step: 2n ** 53n, atMs: 1_700_000_000_000 },
    { value: -0, step: -(2n ** 53n), atMs: -(2 ** 32) },
    { value: 1, step: Number.MIN_SAFE_INTEGER, atMs: Number.MAX_SAFE_INTEGER },
    { value: 1, step: 2 ** 32 - 1, atMs: -(2 ** 32) - 1 },
  ]
  expect(decodePoints(encodePoints(points))).toEqual(points)
})

test('whatever the sizes of the batches, a history is every point once, in order, however it is paged', async () => {
  const { log, history, runs, id } = await opened()
  const random = seededRandom(7)
  const points: RunPoint[] = []
  for (let batch = 0; batch < 300; batch++) {
    const size = random() < 0.5 ? 1 : Math.ceil(random() * 120)
    const added = Array.from({ length: size }, () => ({
      key: random() < 0.5 ? 'loss' : 'auc',
      value: random() < 0.05 ? Number.NaN : Math.round(random() * 9),
      step: Math.floor(random() * 500) - 100,
      atMs: 1_700_000_000_000 + Math.floor(random() * 300),
    }))
    await log(added)
    points.push(...added)
  }
  for (const key of ['loss', 'auc']) {
    const whole = expected(points, key)
    expect(await history(key)).toEqual(whole)
    expect(await history(key, 37)).toEqual(whole)
  }
  const losses = expected(points, 'loss')
  const greatest = Math.max(...losses.map(({ step }) => Number(step)))
  const newest = losses.findLast(({ step }) => step === greatest)
  expect((await runs.get(CTX, id)).metrics['loss']).toBe(newest?.value)
}, 60_000)

test('ten thousand single points lie in a few chunks', async () => {
  const { catalog, id, history, chunks } = await opened()
  for (let start = 0; start < 10_000; start += 1_000)
    await Promise.all(
      Array.from({ length: 1_000 }, (_, i) => {
        const point = { key: 'loss', value: i, step: start + i, atMs: start + i }
        return catalog.write((tx) => logToRun(tx, CTX, id, { points: [point] }))
      }),
    )
  expect((await chunks()).length).toBeLessThan(70)
  expect((await history('loss')).length).toBe(10_000)
}, 60_000)

/** Between −1 and 1, but for one dip and one peak. */
function wave(step: number): number {
  if (step === 123_456) return -1_000
  return step === 400_001 ? 1_000 : Math.sin(step / 1_000)
}

test('a chart keeps the lowest and the highest point of a history of half a million', async () => {
  const { log, catalog, seq } = await opened()
  for (let start = 0; start < 500_000; start += 50_000)
    await log(
      Array.from({ length: 50_000 }, (_, i) => {
        const step = start + i
        return { key: 'loss', value: wave(step), step, atMs: step }
      }),
    )
  const chart = await readChart(catalog.read, seq, 'loss', 1_000)
  expect(chart.length).toBeLessThanOrEqual(1_000)
  expect(chart.length).toBeGreaterThan(500)
  expect(chart).toContainEqual({ value: -1_000, step: 123_456, atMs: 123_456 })
  expect(chart).toContainEqual({ value: 1_000, step: 400_001, atMs: 400_001 })
  expect([chart[0]?.step, chart.at(-1)?.step]).toEqual([0, 499_999])
  const part = await readChart(catalog.read, seq, 'loss', 50, { from: 100_000, until: 200_000 })
  expect(part).toContainEqual({ value: -1_000, step: 123_456, atMs: 123_456 })
  expect(part.every(({ step }) => step >= 100_000 && step <= 200_000)).toBe(true)
}, 60_000)

test('a chart of fewer points than asked for is all of them', () => {
  const points = [0, 1, 2].map((step) => ({ value: step, step, atMs: step }))
  expect(thin(points, 3)).toEqual(points)
  expect(thin([], 3)).toEqual([])
})
