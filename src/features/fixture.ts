import type { DatasetSpec } from '@gyre/sdk/wire/dataset'
import type { ViewSpec } from '@gyre/sdk/wire/feature'
import { fakeClock, type Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import { openDataBench, type DataBench } from '../data/fixture.ts'
import { createFeatures, type Features } from './features.ts'

export interface FeaturesBench extends DataBench {
  readonly features: Features
  /** Checked, kept and seen, as when a project is applied. */
  register(ctx: Context, views: readonly ViewSpec[]): Promise<void>
  /** The features room as a restarted server would have it, over the same store. */
  restart(): Features
}

/** The features room over a real store of its own. */
export async function openFeaturesBench(clock: Clock = fakeClock()): Promise<FeaturesBench> {
  const bench = await openDataBench(clock)
  const restart = () => createFeatures({ ...bench.store, data: bench.data, clock })
  const features = restart()
  return {
    ...bench,
    features,
    restart,
    async register(ctx, views) {
      await features.check(ctx, views)
      await bench.store.catalog.write((tx) => features.register(tx, ctx, views))
      features.refresh(ctx)
    },
  }
}

/** A dataset of landings: whole number `x`, float `y`, entities `a` (text) and `b` (number), time `seen`. */
export function landings(change: Partial<DatasetSpec> = {}): DatasetSpec {
  return {
    name: 'landings',
    source: { format: 'parquet', path: 'landings.parquet' },
    columns: {
      a: { type: 'text', nullable: true },
      b: { type: 'int', nullable: true },
      x: { type: 'int', nullable: true },
      y: { type: 'number', nullable: true },
      seen: { type: 'timestamp', nullable: true },
    },
    ...change,
  }
}

/** A view of landings by `a`, unless changed. */
export function viewOf(features: ViewSpec['features'], change: Partial<ViewSpec> = {}): ViewSpec {
  return {
    name: 'by_a',
    from: 'landings',
    entity: ['a'],
    eventTime: 'seen',
    every: '10ms',
    ttl: '50ms',
    features,
    ...change,
  }
}
