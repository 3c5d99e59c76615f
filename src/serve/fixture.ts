import { EndpointSpec } from '@gyre/sdk/wire/endpoint'
import type { ModelSpec } from '@gyre/sdk/wire/model'
import { fakeClock, systemClock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import { silentLog } from '../core/log.ts'
import { seededRandom } from '../core/random.ts'
import { flightCode, logitsOnnx, openBench, type Bench } from '../infer/fixture.ts'
import { createInfer, type Infer, type InferDeps } from '../infer/infer.ts'
import { createPredictions, type Predictions } from '../predictions/predictions.ts'
import { createRoutes, type Routes } from '../routes/routes.ts'
import type { Arms } from '../routes/snapshot.ts'
import { openTempStore, type TempStore } from '../store/fixture.ts'
import type { Outcome } from './outcome.ts'
import type { Ask } from './request.ts'
import { createServe, type Serve } from './serve.ts'
import type { ShadowLanding } from './shadow.ts'

export const ctx: Context = { project: 'default', actor: 'local', requestId: 'req_1' }
export const NOW = '2001-03-01T00:00:00.000Z'

/** The flight of the infer bench, as a request: 10:30 at Atlanta. */
export function flightAsk(change: Partial<Ask> = {}, input: Record<string, unknown> = {}): Ask {
  const fields = { date: '2001-02-03T10:30:00Z', origin: 'ATL', distance: 404, ...input }
  return {
    subject: '42',
    at: '2001-02-03T10:30:00Z',
    input: fields,
    features: undefined,
    ...change,
  }
}

/** An endpoint over the flight model; the distance must fit what is known of it. */
export const DELAY = EndpointSpec.parse({
  name: 'delay',
  model: 'delay',
  subject: 'flight',
  input: {
    date: { type: 'timestamp' },
    origin: { type: 'text', pattern: '^[A-Z]+$' },
    distance: { type: 'number', matches: { view: 'pair', feature: 'miles', within: 0.02 } },
  },
})

/** From here on the late rate at every origin is another. */
export const RATE_CHANGES = '2001-02-28T00:00:00Z'

function featureAt(name: string, atMs: number): number {
  if (name === 'pair:miles') return 404
  return atMs < Date.parse(RATE_CHANGES) ? 0.5 : 0.25
}

/** Versions of the model; unlisted ones are the flight model as it is. */
const VERSIONS: Readonly<Record<string, Partial<ModelSpec>>> = {
  'model:broken@1': {
    inputs: [
      { kind: 'transform', name: 'hour', transform: 'calendar', output: 'nothing' },
      { kind: 'rate', name: 'origin_rate', field: 'origin', prior: 20 },
      { kind: 'feature', name: 'origin_late', view: 'at_origin', feature: 'lateRate' },
    ],
  },
  'model:deadly@1': { code: flightCode('deadly') },
  'model:waiting@1': { code: flightCode('waiting') },
  /** Half the rates: another score. */
  'model:other@1': { rates: { origin_rate: { default: 0.25, values: { ATL: 1 } } } },
  'model:greedy@1': { fields: { date: 'timestamp', origin: 'text', carrier: 'text' } },
}

/** Files of their own; the rest have the flight model's. */
const FILES: Readonly<Record<string, Uint8Array>> = {
  'model:corrupt@1': Buffer.from('hello'),
  // Beyond float32 for a first number of 2.
  'model:overflow@1': logitsOnnx([[3e38], [0], [0]]),
}

export interface ServeBench extends AsyncDisposable {
  readonly store: TempStore
  readonly routes: Routes
  readonly predictions: Predictions
  readonly serve: Serve
  readonly bench: Bench
  readonly outcomes: readonly Outcome[]
  /** What shadows answered. */
  readonly shadows: readonly ShadowLanding[]
  /** Where shadows are asked. */
  readonly shadowInfer: Infer
  /** Model versions whose files were asked for. */
  readonly sourced: readonly string[]
  declare(spec: EndpointSpec): Promise<void>
  /** Moves the route, whatever its revision, and returns when memory shows it. */
  route(endpoint: string, arms: Partial<Arms>): Promise<void>
  /** Resolves when what was answered is logged and counted. */
  landed(): Promise<void>
}

/** Serving over a real store and a real inference worker, with endpoint `delay` declared and nothing released. */
export async function openServe(infer: Partial<InferDeps> = {}): Promise<ServeBench> {
  const clock = fakeClock(NOW)
  const store = await openTempStore(clock)
  const bench = await openBench(infer)
  const routes = await createRoutes({
    catalog: store.catalog,
    events: store.events,
    clock,
    random: seededRandom(1),
    log: silentLog,
  })
  const predictions = createPredictions({
    rows: store.rows,
    analytics: store.analytics,
    newId: store.newId,
    clock,
    log: silentLog,
    newTempPath: () => store.blobs.newTempPath(),
    inputsOf: async () => ['hour', 'origin_rate', 'origin_late'],
    fieldsOf: (project, endpoint) => routes.find(project, endpoint).spec.input,
  })
  const outcomes: Outcome[] = []
  const shadows: ShadowLanding[] = []
  const shadowInfer = createInfer({ clock: systemClock, log: silentLog, workers: 1 })
  const sourced: string[] = []
  const serve = createServe({
    routes,
    predictions,
    clock,
    log: silentLog,
    infer: bench.infer,
    shadowInfer,
    async modelSource(_project, { takes }, model) {
      sourced.push(model)
      const source = await bench.source(model, VERSIONS[model], FILES[model])
      const { key, onnxPath } = source
      return takes === 'tensors'
        ? { kind: 'graph', key, onnxPath, beside: [], maxBatch: 32 }
        : source
    },
    planFeatures: async (_project, names) => (_fields, atMs) =>
      names.map((name) => featureAt(name, atMs)),
    onOutcome: (outcome) => outcomes.push(outcome),
    onShadow: (landing) => shadows.push(landing),
  })

  async function declare(spec: EndpointSpec): Promise<void> {
    await store.catalog.write((tx) => routes.declare(tx, ctx, spec, 'code:flights@1'))
    await routes.refresh()
  }
  await declare(DELAY)

  return {
    store,
    routes,
    predictions,
    serve,
    bench,
    outcomes,
    shadows,
    shadowInfer,
    sourced,
    declare,
    async route(endpoint, arms) {
      const { rev } = await routes.get(ctx, endpoint)
      const next = { stable: null, previous: null, canary: null, ...arms }
      await store.catalog.write((tx) => routes.write(tx, ctx, endpoint, rev, next))
      await routes.refresh()
    },
    landed: () => new Promise((resolve) => setImmediate(resolve)),
    async [Symbol.asyncDispose]() {
      await bench.release()
      await serve.close()
      await shadowInfer.close()
      await routes.close()
      await bench[Symbol.asyncDispose]()
      await store[Symbol.asyncDispose]()
    },
  }
}
