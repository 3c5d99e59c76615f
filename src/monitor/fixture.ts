import { ReferenceBins, type ModelSpec } from '@gyre/sdk/wire/model'
import { MonitorSpec } from '@gyre/sdk/wire/monitor'
import { fakeClock } from '../core/clock.ts'
import { digestOf } from '../core/digest.ts'
import { numericBins } from '../core/histogram.ts'
import { countInto } from '../core/tally.ts'
import { createTurns } from '../core/turns.ts'
import { openBench, type Bench } from '../predictions/fixture.ts'
import { createMonitor, type Monitor, type MonitorDeps } from './monitor.ts'

export { ctx } from '../predictions/fixture.ts'

export const START = Date.parse('2001-02-01T00:00:00Z')
export const DAY = 86_400_000

/** Weeks from the first of February, judged two days after they end. */
export const SPEC = MonitorSpec.parse({
  name: 'weekly',
  endpoint: 'delay',
  every: '7d',
  from: new Date(START).toISOString(),
  lag: '2d',
  worseBy: 0.02,
})

/** Hours of a day in turn, and distances from 100 to 2,099. */
const hourOf = (row: number) => row % 24
export const distanceOf = (row: number) => 100 + ((row * 37) % 2000)

const TRAINED = Array.from({ length: 10_000 }, (_, row) => row)

export function referenceOf(values: number[]): ReferenceBins {
  const bins = numericBins(values)
  const counts = bins ? countInto(bins, values).counts : []
  return ReferenceBins.parse({ bins, counts, missing: 0 })
}

/** Version 1 of `delay`, trained on ten thousand rows of the two inputs. */
export const MODEL: ModelSpec = {
  format: 'gyre-model/1',
  task: 'binary',
  inputs: [
    { kind: 'field', name: 'hour', field: 'hour' },
    { kind: 'field', name: 'distance', field: 'distance' },
  ],
  fields: { hour: 'number', distance: 'number' },
  rates: {},
  code: null,
  reference: {
    rows: TRAINED.length,
    inputs: {
      hour: referenceOf(TRAINED.map(hourOf)),
      distance: referenceOf(TRAINED.map(distanceOf)),
    },
    score: referenceOf(TRAINED.map((row) => (row % 2 ? 0.8 : 0.2))),
  },
  training: {
    rowsDigest: digestOf('rows'),
    rows: TRAINED.length,
    from: null,
    until: null,
    algorithm: 'gbdt',
    options: {},
    importance: {},
  },
}

interface Traffic {
  /** Days after the start. */
  readonly day: number
  readonly rows: number
  readonly variant?: string
  readonly quarantined?: boolean
  readonly failed?: boolean
  readonly distance?: (row: number) => number
  /** Labelled when this many days after the start; not at all when null. */
  readonly labelDay?: number | null
}

export interface Tower extends AsyncDisposable {
  readonly bench: Bench
  readonly monitor: Monitor
  /** Another server's monitor over the same store. */
  another(): Monitor
  /**
   * Answers requests and labels them. Scores are 0.2 and 0.8 in turn; three quarters of either kind turn
   * out as scored.
   */
  serve(traffic: Traffic): Promise<void>
  eventTypes(): Promise<string[]>
}

/** A monitor over a real store with real predictions. */
export async function openTower(change: Partial<MonitorDeps> = {}): Promise<Tower> {
  const clock = fakeClock('2001-07-01T00:00:00.000Z')
  const bench = await openBench(clock)
  const { store, predictions } = bench
  const turns = createTurns()
  const create = () =>
    createMonitor({
      ...store,
      clock,
      predictions: {
        span: (asked, endpoint) => predictions.span(asked, endpoint),
        // A test's DuckDB has the memory for one such query at a time.
        window: (...asked) => turns('window', () => predictions.window(...asked)),
      },
      specs: async () => [SPEC],
      model: async () => MODEL,
      referenceLogLoss: async () => 0.56,
      ...change,
    })
  return {
    bench,
    monitor: create(),
    another: create,
    async serve(traffic) {
      const { day, rows, distance = distanceOf, variant = 'stable' } = traffic
      const labelDay = traffic.labelDay === undefined ? day : traffic.labelDay
      const items = Array.from({ length: rows }, (_, row) => {
        const score = row % 2 ? 0.8 : 0.2
        const inputs = Float32Array.of(hourOf(row), distance(row))
        const id = bench.answer({
          atMs: START + day * DAY + row,
          variant,
          quarantined: traffic.quarantined ?? false,
          outcome: traffic.failed
            ? { status: 'error', error: 'MODEL_FAILED' }
            : { status: 'ok', score, prediction: row % 2, inputs },
        })
        const likely = row % 2 ? 1 : 0
        return { prediction_id: id, label: row % 8 < 6 ? likely : 1 - likely }
      })
      if (labelDay === null) return
      const at = new Date(START + labelDay * DAY).toISOString()
      await predictions.feedback(
        { project: 'default', actor: 'local', requestId: 'req_1' },
        items.map((item) => ({ ...item, at })),
      )
    },
    eventTypes: async () => (await store.events.since(0, 1000)).map(({ type }) => type),
    [Symbol.asyncDispose]: () => bench[Symbol.asyncDispose](),
  }
}
