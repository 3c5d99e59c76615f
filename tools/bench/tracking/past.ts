import { systemClock } from '../../../src/core/clock.ts'
import type { Context } from '../../../src/core/context.ts'
import { silentLog } from '../../../src/core/log.ts'
import { seededRandom } from '../../../src/core/random.ts'
import { logToRun } from '../../../src/store/run-metrics.ts'
import { openStore, type Store } from '../../../src/store/store.ts'
import { createTracking, type Tracking } from '../../../src/tracking/tracking.ts'

/** A finished run as a trainer leaves it. */
export interface PastRun {
  readonly name: string
  readonly startMs: number
  readonly metrics: Readonly<Record<string, number>>
  readonly params: Readonly<Record<string, string>>
  readonly tags: Readonly<Record<string, string>>
}

const KEYS = ['auc', 'loss', 'f1', 'precision', 'recall']

const FIRST_MS = Date.UTC(2001, 0, 1)

/** The same runs at every call: metrics between 0 and 1 (five unless told), five parameters, three tags, a second apart. */
export function* pastRuns(
  count: number,
  keysOf: (run: number) => readonly string[] = () => KEYS,
): Generator<PastRun> {
  const random = seededRandom(1)
  for (let i = 0; i < count; i++)
    yield {
      name: `fit-${i}`,
      startMs: FIRST_MS + i * 1_000,
      metrics: Object.fromEntries(keysOf(i).map((key) => [key, random()])),
      params: {
        lr: String(10 ** -(1 + (i % 5))),
        depth: String(3 + (i % 8)),
        batch: String(2 ** (4 + (i % 6))),
        seed: String(i),
        optimizer: i % 2 === 0 ? 'adam' : 'sgd',
      },
      tags: { 'mlflow.runName': `fit-${i}`, 'mlflow.user': 'ada', 'mlflow.source.name': 'fit.py' },
    }
}

const [clock, log] = [systemClock, silentLog]

export const ctx: Context = { project: 'default', actor: 'local', requestId: 'bench' }

/** What fills a data folder that no server holds. */
export interface Filling {
  readonly store: Store
  readonly tracking: Tracking
}

/** Opens a data folder, fills it by the rooms themselves, and closes it. */
export async function fillTracking<T>(
  folder: string,
  fill: (filling: Filling) => Promise<T>,
): Promise<T> {
  const store = await openStore({ folder, clock, log, config: { analyticsMemoryMb: 512 } })
  try {
    return await fill({ store, tracking: createTracking({ ...store, clock, random: Math.random }) })
  } finally {
    await store.close()
  }
}

/** Runs that one unit writes. */
const UNIT_RUNS = 250

/** Puts runs into a new experiment; gives its id. */
export async function fillGyre(
  { store, tracking }: Filling,
  name: string,
  runs: Iterable<PastRun>,
): Promise<string> {
  const { number } = await tracking.experiments.create(ctx, { name })
  let unit: PastRun[] = []
  for (const run of runs) {
    unit.push(run)
    if (unit.length < UNIT_RUNS) continue
    await addRuns(store, number, unit)
    unit = []
  }
  await addRuns(store, number, unit)
  return String(number)
}

function addRuns({ catalog, runs }: Store, experiment: number, past: readonly PastRun[]) {
  return catalog.write(async (tx) => {
    for (const { name, startMs, metrics, params, tags } of past) {
      const tracked = { experiment, userId: 'ada', startMs }
      const start = { kind: 'training', name, params, tags, tracked } as const
      const { id } = await runs.start(ctx, start, tx)
      const points = Object.entries(metrics).map(([key, value]) => ({
        key,
        value,
        step: 0,
        atMs: startMs,
      }))
      await logToRun(tx, ctx, id, { points }, true)
      await runs.amend(ctx, id, { phase: 'FINISHED', endMs: startMs + 1_000 }, tx)
    }
  })
}
