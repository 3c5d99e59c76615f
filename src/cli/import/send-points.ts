import { crc32 } from 'node:zlib'
import type { GyreClient } from '@gyre/sdk/client'
import { ImportedSeries, type ImportedRun, type ImportOutcome } from '@gyre/sdk/wire/import'
import { encodePoints, POINT_BYTES, type ChunkPoint } from '../../store/metric-chunks.ts'
import type { RunPoint } from '../../store/run-metrics.ts'
import { LOT_BYTES } from './lots.ts'
import type { Tally } from './tally.ts'

/** Sends the points of several runs, those that are not there yet. */
export interface PointSender {
  /** Sends the points of a run; `series` says what came of each metric before. */
  send(run: string, series: ImportedRun['series'], points: AsyncIterable<RunPoint>): Promise<void>
  /** Sends what is left, and puts down what became of all. */
  finish(): Promise<void>
}

/** In base64 a point takes 4/3 of its bytes. */
const LOT_POINTS = Math.floor((LOT_BYTES * 3) / (4 * POINT_BYTES))

/** Metrics in one request: more would be refused. */
const LOT_SERIES = 5_000

/** Its history is not the one whose beginning came before. */
const OTHER = 'other points of it came before'

/** One metric of one run on its way. */
interface Series {
  readonly run: string
  readonly key: string
  /** What came before, and the sum of its bytes. */
  readonly before: { readonly points: number; readonly crc: number }
  seen: number
  /** Of the points seen so far, as long as they came before. */
  crc: number
  sent: number
  waiting: ChunkPoint[]
  refused: string | undefined
}

export function createPointSender(client: GyreClient, tally: Tally): PointSender {
  const all: Series[] = []
  let waiting = new Set<Series>()
  let points = 0

  /** True where the point is new. */
  function isNew(series: Series, point: ChunkPoint): boolean {
    series.seen++
    const { before } = series
    if (series.seen > before.points) return series.refused === undefined
    series.crc = crc32(encodePoints([point]), series.crc)
    if (series.seen === before.points && series.crc !== before.crc) series.refused = OTHER
    return false
  }

  async function flush(): Promise<void> {
    if (waiting.size === 0) return
    const lot = [...waiting]
    const body = lot.map((series) => ({
      run: series.run,
      key: series.key,
      from: series.before.points + series.sent,
      points: Buffer.from(encodePoints(series.waiting)).toString('base64'),
    }))
    const reply = await client.post('/api/v1/import/points', { series: body }, ImportedSeries)
    for (const [i, series] of lot.entries()) take(series, reply.series[i])
    waiting = new Set()
    points = 0
  }

  function take(series: Series, outcome: ImportOutcome | undefined): void {
    if (typeof outcome === 'object') series.refused = outcome.refused
    else series.sent += series.waiting.length
    series.waiting = []
  }

  return {
    async send(run, known, given) {
      const came = new Map(known.map(({ key, ...before }) => [key, before]))
      const byKey = new Map<string, Series>()
      for await (const { key, ...point } of given) {
        let series = byKey.get(key)
        if (!series) {
          series = begin(run, key, came.get(key))
          byKey.set(key, series)
          all.push(series)
        }
        if (!isNew(series, point)) continue
        series.waiting.push(point)
        waiting.add(series)
        points++
        if (points === LOT_POINTS || waiting.size === LOT_SERIES) await flush()
      }
    },

    async finish() {
      await flush()
      for (const series of all.splice(0)) putDown(tally, series)
    },
  }
}

function begin(run: string, key: string, before = { points: 0, crc: 0 }): Series {
  return { run, key, before, seen: 0, crc: 0, sent: 0, waiting: [], refused: undefined }
}

function putDown(tally: Tally, { run, key, before, seen, sent, refused }: Series): void {
  const isShort = seen < before.points
  const reason = isShort ? `${before.points} of its points came before` : refused
  const there = isShort || refused === OTHER ? 0 : before.points
  tally.find('points', seen)
  tally.settle('points', 'imported', sent)
  tally.settle('points', 'there', there)
  if (reason !== undefined)
    tally.refuse('points', `${key} of run ${run}`, reason, seen - sent - there)
}
