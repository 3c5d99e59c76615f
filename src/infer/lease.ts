import { GyreError } from '../core/errors.ts'
import { featureNamesOf, fieldNamesOf } from './input-vector.ts'
import type { LiveSession } from './live-session.ts'
import type { ModelRow, Session } from './session.ts'

export interface LeaseDeps {
  /** Tells the pool that a row waits. */
  readonly wake: () => void
  readonly isClosed: () => boolean
  /** Called once, when the lease is given back. */
  readonly release: () => void
}

/** One holder's view of a loaded model. */
export function openLease(live: LiveSession, { wake, isClosed, release }: LeaseDeps): Session {
  const { key, spec } = live.source
  const fieldNames = fieldNamesOf(spec)
  const featureNames = featureNamesOf(spec)
  let isReleased = false
  return {
    key,
    spec,
    fieldNames,
    featureNames,
    get failed() {
      return live.failed
    },
    async predict(row, signal, deadlineMs) {
      if (isReleased || isClosed())
        throw new GyreError('UNAVAILABLE', `${key}: the session is closed`)
      if (live.failed !== undefined) throw live.unavailable()
      checkLengths(key, row, spec.inputs.length, fieldNames.length, featureNames.length)
      live.admit(deadlineMs)
      const answer = live.queue.push(row, signal, deadlineMs)
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
