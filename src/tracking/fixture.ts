import { fakeClock, type FakeClock } from '../core/clock.ts'
import { seededRandom } from '../core/random.ts'
import { openTempStore, type TempStore } from '../store/fixture.ts'
import { createTracking, type Tracking } from './tracking.ts'

export const ctx = { project: 'default', actor: 'ann', requestId: 'req_1' }

export interface Logbook extends AsyncDisposable {
  readonly store: TempStore
  readonly clock: FakeClock
  readonly tracking: Tracking
  /** A run under `Default`; gives its id. */
  start(name?: string): Promise<string>
}

/** A tracking room over a real store. */
export async function openLogbook(): Promise<Logbook> {
  const store = await openTempStore()
  const clock = fakeClock()
  const tracking = createTracking({ ...store, clock, random: seededRandom(1) })
  return {
    store,
    clock,
    tracking,
    async start(name = 'fit') {
      const run = await tracking.start(ctx, { experiment: 0, userId: 'ann', name, tags: [] })
      return run.id
    },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  }
}
