import { StudySpec, type Asked } from '@gyre/sdk/wire/study'
import type { z } from 'zod'
import { fakeClock } from '../core/clock.ts'
import { seededRandom } from '../core/random.ts'
import { openTempStore, type TempStore } from '../store/fixture.ts'
import { createTracking, type Tracking } from '../tracking/tracking.ts'
import { createStudies, type Studies } from './studies.ts'
import { LEASE_HOLDER, leaseName } from './trial-run.ts'

export const ctx = { project: 'default', actor: 'ann', requestId: 'req_1' }

type Given = Partial<z.input<typeof StudySpec>>
export type Started = Extract<Asked, { state: 'trial' }>

export interface Lab extends AsyncDisposable {
  readonly store: TempStore
  readonly tracking: Tracking
  readonly studies: Studies
  /** A study of `x` between 0 and 1, ten trials by chance unless told. */
  begin(given?: Given): Promise<string>
  /** The next trial of a study that has one to give. */
  start(study: string): Promise<Started>
  /** Takes the lease of a trial's worker away, as its silence would. */
  silence(trial: Started): Promise<void>
}

export function specOf(given: Given = {}): StudySpec {
  return StudySpec.parse({
    name: 'lr',
    over: { x: { kind: 'float', low: 0, high: 1 } },
    sampler: { kind: 'random' },
    trials: 10,
    ...given,
  })
}

/** A studies room over a real store. */
export async function openLab(): Promise<Lab> {
  const store = await openTempStore()
  const clock = fakeClock()
  const tracking = createTracking({ ...store, clock, random: seededRandom(1) })
  const studies = createStudies({ ...store, clock, experiments: tracking.experiments })
  return {
    store,
    tracking,
    studies,
    async begin(given) {
      return (await studies.create(ctx, specOf(given))).name
    },
    async start(study) {
      const asked = await studies.ask(ctx, study)
      if (asked.state !== 'trial') throw new Error(`expected a trial, got ${asked.state}`)
      return asked
    },
    silence: ({ run, fence }) => store.leases.release(leaseName(run), LEASE_HOLDER, fence),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  }
}
