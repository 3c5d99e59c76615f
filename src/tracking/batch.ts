import { GyreError } from '../core/errors.ts'
import { assertKey, cutOff } from '../core/label-key.ts'
import type { LoggedPoint } from './model-metrics.ts'
import type { Label } from './tracked-run.ts'
import { LIMITS } from './limits.ts'

/** What a client logs in one request. */
export interface Batch {
  readonly metrics: readonly LoggedPoint[]
  readonly params: readonly Label[]
  readonly tags: readonly Label[]
}

/** MLflow's own limits on one request. */
const MOST = { metrics: 1_000, params: 100, tags: 100, entities: 1_000 } as const

/** Throws INVALID_ARGUMENT naming the member that MLflow would refuse. */
export function assertBatch({ metrics, params, tags }: Batch): void {
  assertCount('metrics', metrics.length, MOST.metrics)
  assertCount('params', params.length, MOST.params)
  assertCount('tags', tags.length, MOST.tags)
  const entities = metrics.length + params.length + tags.length
  assertCount('metrics, params and tags', entities, MOST.entities)
  // A batch names the same few keys again and again.
  const known = new Set<string>()
  for (const [i, { key }] of metrics.entries()) {
    if (known.has(key)) continue
    assertKey(key, `metrics[${i}].key`)
    known.add(key)
  }
  const given = new Map<string, string>()
  for (const [i, { key, value }] of params.entries()) {
    assertKey(key, `params[${i}].key`)
    if (given.has(key))
      throw new GyreError('INVALID_ARGUMENT', `params[${i}].key: ${key} is there twice`, {
        field: `params[${i}].key`,
      })
    given.set(key, value)
  }
  for (const [i, tag] of tags.entries()) assertTag(tag, `tags[${i}]`)
}

/** `field` names the tag; empty where it is the whole request. Throws INVALID_ARGUMENT. */
export function assertTag({ key }: Label, field: string): void {
  assertKey(key, field === '' ? 'key' : `${field}.key`)
}

/** Parameters as they are kept: MLflow cuts long values off. */
export function keptParams(params: readonly Label[]): ReadonlyMap<string, string> {
  return new Map(params.map(({ key, value }) => [key, cutOff(value, LIMITS.param)]))
}

/** Tags as they are kept. */
export function keptTags(tags: readonly Label[]): ReadonlyMap<string, string> {
  return new Map(tags.map(({ key, value }) => [key, cutOff(value, LIMITS.runTag)]))
}

function assertCount(field: string, count: number, most: number): void {
  if (count <= most) return
  throw new GyreError(
    'INVALID_ARGUMENT',
    `${field}: expected at most ${most} in one request, got ${count}`,
    { field, most, count },
  )
}
