import { GyreError } from '../core/errors.ts'
import { featureNamesOf, fieldNamesOf } from './input-vector.ts'
import type { LiveSession } from './live-session.ts'
import type { Schedule } from './schedule.ts'
import type {
  Graph,
  GraphSource,
  ModelAnswer,
  ModelRow,
  ModelSource,
  PythonSource,
  Session,
  TensorAnswer,
  TensorAsk,
  TensorSession,
} from './session.ts'
import type { Statistics } from './statistics.ts'
import { UNKNOWN } from './tensor-lane.ts'

export interface LeaseDeps {
  /** Tells the pool that rows wait. */
  readonly wake: () => void
  readonly isClosed: () => boolean
  /** Of everything that is asked through it; each ask's own when undefined. */
  readonly priority: number | undefined
  /** Called once, when the lease is given back. */
  readonly release: () => void
}

/** One holder's view of a loaded model, whatever it is asked. */
export interface Lease<Ask, Reply> {
  readonly failed: string | undefined
  readonly graph: Graph | undefined
  statistics(): Statistics
  ask(ask: Ask, schedule?: Schedule): Promise<Reply>
  close(): void
}

export function openLease<Ask, Reply>(
  live: LiveSession<Ask, Reply>,
  { wake, isClosed, priority, release }: LeaseDeps,
): Lease<Ask, Reply> {
  let isReleased = false
  return {
    get failed() {
      return live.failed
    },
    graph: live.graph,
    statistics: () => live.statistics.read(),
    ask(ask, schedule = {}) {
      if (isReleased || isClosed())
        throw new GyreError('UNAVAILABLE', `${live.source.key}: the session is closed`)
      if (live.failed !== undefined) throw live.unavailable()
      const asked = priority === undefined ? schedule : { ...schedule, priority }
      live.admit(asked)
      const answer = live.queue.push(ask, asked)
      wake()
      return answer
    },
    close() {
      if (isReleased) return
      isReleased = true
      release()
    },
  }
}

/** A model of Gyre's own, leased. */
export function scoredSession(
  { key, spec }: ModelSource,
  lease: Lease<ModelRow, ModelAnswer>,
): Session {
  const fieldNames = fieldNamesOf(spec)
  const featureNames = featureNamesOf(spec)
  return {
    key,
    spec,
    fieldNames,
    featureNames,
    get failed() {
      return lease.failed
    },
    statistics: () => lease.statistics(),
    async predict(row, schedule) {
      checkLengths(key, row, spec.inputs.length, fieldNames.length, featureNames.length)
      return lease.ask(row, schedule)
    },
    close: () => lease.close(),
  }
}

/** A graph, leased. */
export function tensorSession(
  { key }: GraphSource | PythonSource,
  lease: Lease<TensorAsk, TensorAnswer>,
): TensorSession {
  return {
    key,
    graph: lease.graph ?? UNKNOWN,
    get failed() {
      return lease.failed
    },
    statistics: () => lease.statistics(),
    infer: async (ask, schedule) => lease.ask(ask, schedule),
    close: () => lease.close(),
  }
}

function checkLengths(
  key: string,
  row: ModelRow,
  inputs: number,
  fields: number,
  features: number,
): void {
  if (row.kind === 'vector') return checkLength(key, 'values', row.values, inputs)
  checkLength(key, 'fields', row.fields, fields)
  checkLength(key, 'features', row.features, features)
}

function checkLength(
  key: string,
  name: string,
  values: readonly unknown[],
  expected: number,
): void {
  if (values.length === expected) return
  throw new GyreError(
    'INVALID_INPUT',
    `${name}: ${key} expects ${expected} values, got ${values.length}`,
    { field: name, expected, got: values.length },
  )
}
