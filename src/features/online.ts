import type { FeatureStatus } from '@gyre/sdk/wire/feature'

/** A run of a view's rows by column, sorted by event time, equal times in the order of their creation. */
export interface OnlineBatch {
  /** Distinct entity keys of the batch; `keyIndex` says which one a row has. */
  readonly keys: readonly string[]
  readonly keyIndex: Int32Array
  /** Epoch ms. */
  readonly eventMs: Float64Array
  /** One a feature; a value whose `valid` is 0 is NULL. */
  readonly features: readonly FeatureColumn[]
}

interface FeatureColumn {
  readonly values: ArrayLike<number>
  readonly valid?: Uint8Array
}

/** What an entity's features were from `eventMs` on. */
export interface OnlineRow {
  readonly eventMs: number
  /** In the order of the view's features. */
  readonly values: readonly (number | null)[]
}

/** The newest rows of each entity of one view. */
export interface OnlineView {
  /**
   * Takes rows `from` (inclusive) to `to` (exclusive) of a batch, in any order of time: an older row never
   * hides a newer one; of two with equal event times, the one taken later wins.
   */
  apply(batch: OnlineBatch, from: number, to: number): void
  /** The newest row with event time ≤ `atMs`, among the `HISTORY` newest of the entity. */
  find(key: string, atMs: number): OnlineRow | undefined
}

/** Where the serving path finds features; reads must be immediate, so a remote driver keeps a near copy. */
export interface OnlineStore {
  readonly driver: string
  /** The view of that id, empty at first. */
  view(id: string): OnlineView
  /** Forgets the rows of a view, whose features have changed. */
  drop(id: string): void
}

/** Rows kept per entity: a request may be a few instants of the grid older than the newest row. */
export const HISTORY = 8

/** Whether a row, if there is one, may answer for `atMs`. Feast's bounds: both included; ttl 0 = no limit. */
export function freshness(
  row: OnlineRow | undefined,
  atMs: number,
  ttlMs: number,
): Exclude<FeatureStatus, 'NULL_VALUE'> {
  if (!row) return 'NOT_FOUND'
  return ttlMs > 0 && row.eventMs < atMs - ttlMs ? 'OUTSIDE_MAX_AGE' : 'PRESENT'
}
