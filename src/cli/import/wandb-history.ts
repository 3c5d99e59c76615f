import type { WandbRecord } from '../../core/formats/wandb-record.ts'
import type { RunPoint } from '../../store/run-metrics.ts'
import { isOwn, keyOf, leavesOf, sortLeaves, type Leaf } from './wandb-value.ts'

/** What one record says at one moment. */
export interface Moment {
  readonly points: readonly RunPoint[]
  /** Values that are no numbers, each image or table one. */
  readonly others: number
  /** Epoch milliseconds; undefined where the record does not say. */
  readonly atMs: number | undefined
}

type History = Extract<WandbRecord, { kind: 'history' }>['value']
type Stats = Extract<WandbRecord, { kind: 'stats' }>['value']

/** A row of a run's history. Throws SyntaxError for values that are not JSON. */
export function historyMoment({ item, step }: History, startMs: number): Moment {
  const all = item.flatMap((one) => leavesOf(one))
  const own = new Map(all.filter(isOwn).map(({ path, number }) => [keyOf(path), number]))
  const seconds = own.get('_timestamp')
  const atMs = seconds === undefined ? undefined : Math.round(seconds * 1000)
  const at = { step: Math.trunc(own.get('_step') ?? step?.num ?? 0), atMs: atMs ?? startMs }
  const { plain, media } = sortLeaves(all.filter((leaf) => !isOwn(leaf)))
  const points = plain.flatMap((leaf) => toPoint(keyOf(leaf.path), leaf, at))
  return { points, others: plain.length - points.length + media.size, atMs }
}

/** A measurement of the machine; `count` says the how manyth. */
export function statsMoment({ timestamp, item }: Stats, count: number): Moment {
  const all = item.flatMap((one) => leavesOf(one))
  const at = { step: count, atMs: timestamp }
  const points = all.flatMap((leaf) => toPoint(`system/${keyOf(leaf.path)}`, leaf, at))
  return { points, others: all.length - points.length, atMs: timestamp }
}

function toPoint(
  key: string,
  { number: value }: Leaf,
  at: { readonly step: number; readonly atMs: number },
): RunPoint[] {
  return value === undefined ? [] : [{ key, value, ...at }]
}
