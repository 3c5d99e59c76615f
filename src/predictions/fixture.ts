import type { Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import { silentLog } from '../core/log.ts'
import { openTempStore } from '../store/fixture.ts'
import type { Store } from '../store/store.ts'
import type { LoggedPrediction } from './prediction-row.ts'
import { createPredictions, type Predictions } from './predictions.ts'

export const ctx: Context = { project: 'default', actor: 'local', requestId: 'req_1' }

/** Input names of the models that tests log. The second version has another order and one input more. */
const INPUTS: Readonly<Record<string, readonly string[]>> = {
  'model:delay@1': ['hour', 'distance'],
  'model:delay@2': ['distance', 'hour', 'late'],
}

const ENDPOINTS: readonly string[] = ['delay', 'another']

/** Predictions over `store`, as a server makes them when it starts. */
export function predictionsOf(store: Store, clock: Clock): Predictions {
  return createPredictions({
    rows: store.rows,
    analytics: store.analytics,
    clock,
    newId: store.newId,
    log: silentLog,
    newTempPath: () => store.blobs.newTempPath(),
    inputsOf: async (_project, model) => INPUTS[model] ?? [],
    fieldsOf: (_project, endpoint) => {
      if (ENDPOINTS.includes(endpoint))
        return {
          date: { type: 'timestamp' },
          distance: { type: 'number' },
          origin: { type: 'text' },
        }
      throw new GyreError('NOT_FOUND', `no such endpoint ${endpoint}`, { endpoint })
    },
  })
}

export interface Bench extends AsyncDisposable {
  readonly store: Store
  readonly predictions: Predictions
  /** Logs an answer of version 1 of endpoint `delay`, unless changed; gives its id. */
  answer(change?: Partial<LoggedPrediction>): string
}

/** Predictions over a real store of their own. */
export async function openBench(clock: Clock): Promise<Bench> {
  const store = await openTempStore(clock)
  const predictions = predictionsOf(store, clock)
  return {
    store,
    predictions,
    answer(change = {}) {
      const endpoint = change.endpoint ?? 'delay'
      const id = predictions.newId(change.project ?? 'default', endpoint)
      predictions.log([{ ...ANSWER, receivedMs: clock.now().getTime(), id, endpoint, ...change }])
      return id
    },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  }
}

const ANSWER: Omit<LoggedPrediction, 'id' | 'receivedMs'> = {
  project: 'default',
  endpoint: 'delay',
  subject: '42',
  atMs: Date.parse('2001-02-03T10:30:00Z'),
  model: 'model:delay@1',
  code: 'code:flights@1',
  variant: 'stable',
  releaseId: null,
  weightBp: 0,
  sticky: true,
  randomised: false,
  rev: 1,
  outcome: {
    status: 'ok',
    score: 0.75,
    prediction: 1,
    inputs: Float32Array.of(10, 404.5),
  },
  quarantined: false,
  reasons: [],
  latencyMs: 1.5,
  fields: { date: '2001-02-03T10:30:00Z', distance: 404.5, origin: 'ATL' },
}
