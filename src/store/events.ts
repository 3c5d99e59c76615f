import type { Event, Subject } from '@gyre/sdk/wire/event'
import type { Context } from '../core/context.ts'
import type { Tx } from './catalog.ts'

/** What a writer says; the log adds seq, id, time, actor, project and hashes. */
export interface NewEvent {
  readonly type: string
  readonly subject: Subject
  readonly data: Event['data']
}

/** Members left out match everything. */
export interface EventFilter {
  readonly project?: string
  readonly types?: readonly string[]
  readonly subject?: Subject
}

export type Verification =
  | { readonly ok: true; readonly count: number }
  | { readonly ok: false; readonly seq: number; readonly reason: string }

/** The append-only log of changes of state: audit, triggers, cache invalidation. */
export interface Events {
  /** Appends within the caller's unit: the event is there exactly when the change is. */
  append(tx: Tx, ctx: Context, event: NewEvent): Promise<Event>
  /** Committed events with seq > `cursor`, oldest first. */
  since(cursor: number, limit: number, filter?: EventFilter): Promise<readonly Event[]>
  /** The newest event that matches. */
  latest(filter?: EventFilter): Promise<Event | undefined>
  /** Resolves when an event with seq > `cursor` is committed, by this process or another; CANCELLED on `signal`. */
  wait(cursor: number, signal: AbortSignal): Promise<void>
  /** Walks the whole chain; names the first event that does not fit. */
  verify(): Promise<Verification>
}
