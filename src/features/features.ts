import type {
  MaterializeReply,
  MaterializeRequest,
  OnlineFeaturesReply,
  OnlineFeaturesRequest,
  ViewSpec,
} from '@gyre/sdk/wire/feature'
import type { TrainingSetSpec } from '@gyre/sdk/wire/pipeline'
import type { Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import type { Data } from '../data/data.ts'
import type { Analytics } from '../store/analytics.ts'
import type { Blobs } from '../store/blobs.ts'
import type { Catalog, Tx } from '../store/catalog.ts'
import type { Events } from '../store/events.ts'
import type { Runs } from '../store/runs.ts'
import { createMemoryOnline } from './adapters/memory.ts'
import { assertColumns, assertView, type FeatureView } from './feature-view.ts'
import { createHonesty } from './honesty.ts'
import { createLiveViews } from './live-views.ts'
import { planLookup, type Lookup } from './lookup.ts'
import { createMaterialize } from './materialize.ts'
import { columnTypes, createOffline, type OfflineRows } from './offline.ts'
import { onlineFeatures } from './online-features.ts'
import type { OnlineStore } from './online.ts'
import {
  makeTrainingSet,
  usedViews,
  type TrainingSet,
  type TrainingSources,
  type TrainingSetRequest,
} from './training-set.ts'
import { keepView, viewNamed } from './view-registry.ts'

export interface FeaturesDeps {
  readonly catalog: Catalog
  readonly blobs: Blobs
  readonly analytics: Analytics
  readonly events: Events
  readonly runs: Runs
  readonly data: Data
  readonly clock: Clock
  /** In memory unless told. */
  readonly online?: OnlineStore
}

/** Features as they were known at any instant: offline for training, online for serving. */
export interface Features {
  /** Throws INVALID_ARGUMENT naming what is wrong with a view; columns are checked once the dataset is there. */
  check(ctx: Context, views: readonly ViewSpec[]): Promise<void>
  /** Makes checked views the newest of their names, in the caller's unit; seen here after `refresh`. */
  register(tx: Tx, ctx: Context, views: readonly ViewSpec[]): Promise<void>
  refresh(ctx: Context): void
  /** Newest version of each view, by name. */
  list(ctx: Context): Promise<readonly FeatureView[]>
  /** All rows of a view over the newest version of its dataset, computed once. Throws NOT_FOUND. */
  offline(ctx: Context, view: string): Promise<OfflineRows>
  /**
   * Makes rows up to an instant readable online; an earlier instant than last time changes nothing. Throws
   * INVALID_ARGUMENT for one in the future, and NOT_FOUND.
   */
  materialize(ctx: Context, request: MaterializeRequest): Promise<MaterializeReply>
  online(ctx: Context, request: OnlineFeaturesRequest): Promise<OnlineFeaturesReply>
  /** See `planLookup`. */
  planLookup(
    ctx: Context,
    featureNames: readonly string[],
    fieldNames: readonly string[],
  ): Promise<Lookup>
  /** Rows to learn from. Errors: LABEL_LEAK, INVALID_ARGUMENT, NOT_FOUND. */
  trainingSet(
    ctx: Context,
    spec: TrainingSetSpec,
    request: TrainingSetRequest,
  ): Promise<TrainingSet>
  /** Digests of everything a training set reads: equal ones, with equal requests, give equal rows. */
  trainingSources(ctx: Context, spec: TrainingSetSpec): Promise<TrainingSources>
}

export function createFeatures(deps: FeaturesDeps): Features {
  const { catalog, analytics, blobs, data, clock } = deps
  const offline = createOffline(deps)
  const online = deps.online ?? createMemoryOnline()
  const live = createLiveViews({ catalog, analytics, data, offline, online })
  const materialize = createMaterialize({ catalog, live, clock })
  const training = { analytics, blobs, data, offline, live, assertHonest: createHonesty(deps) }

  return {
    materialize,
    async check(ctx, views) {
      for (const spec of views) {
        assertView(spec)
        const dataset = await data.find(ctx, spec.from)
        if (dataset) assertColumns(spec, columnTypes(dataset))
      }
    },
    async register(tx, ctx, views) {
      for (const spec of views) await keepView(tx, ctx.project, spec, clock.now())
    },
    refresh: (ctx) => live.forget(ctx),
    async list(ctx) {
      return [...(await live.registered(ctx)).values()]
    },
    async offline(ctx, name) {
      const view = viewNamed(await live.registered(ctx), name)
      return offline.rowsOf(ctx, view, await data.open(ctx, view.spec.from))
    },
    online: (ctx, request) => onlineFeatures(live, ctx, request, clock.now().getTime()),
    planLookup: (ctx, featureNames, fieldNames) => planLookup(live, ctx, featureNames, fieldNames),
    trainingSet: (ctx, spec, request) => makeTrainingSet(training, ctx, spec, request),
    async trainingSources(ctx, spec) {
      const dataset = await data.open(ctx, spec.dataset)
      const used = await usedViews(training, ctx, spec)
      return {
        dataset: dataset.version.digest,
        views: used.map(({ view, source }) => ({
          view: view.digest,
          dataset: source.version.digest,
        })),
      }
    },
  }
}
