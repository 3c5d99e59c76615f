import { Event, type Subject } from '@gyre/sdk/wire/event'
import type { Selectable } from 'kysely'
import type { Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { NewId } from '../core/id.ts'
import type { Catalog, Tx } from './catalog.ts'
import { chainBreak, eventHash, GENESIS_HASH } from './event-chain.ts'
import { createEventHead } from './event-head.ts'
import type { Tables } from './schema.ts'

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

export interface EventsDeps {
  readonly catalog: Catalog
  readonly clock: Clock
  readonly newId: NewId
}

/** Events read at once while verifying: some MB of memory. */
const VERIFY_PAGE = 2_000

export function createEvents({ catalog, clock, newId }: EventsDeps): Events {
  const head = createEventHead(catalog)

  const rowsSince = (cursor: number, limit: number, filter: EventFilter = {}) =>
    matching(catalog, filter).where('seq', '>', cursor).orderBy('seq').limit(limit).execute()

  return {
    async append(tx, ctx, { type, subject, data }) {
      const last = await tx
        .selectFrom('events')
        .select(['seq', 'hash'])
        .orderBy('seq', 'desc')
        .limit(1)
        .executeTakeFirst()
      const told = {
        seq: (last?.seq ?? 0) + 1,
        id: newId('evt'),
        at: clock.now().toISOString(),
        type,
        actor: ctx.actor,
        project: ctx.project,
        subject,
        data,
        prevHash: last?.hash ?? GENESIS_HASH,
      }
      const event = parseEvent({ ...told, hash: eventHash(told) })
      await tx.insertInto('events').values(toRow(event)).execute()
      head.appended()
      return event
    },
    since: async (cursor, limit, filter) => (await rowsSince(cursor, limit, filter)).map(toEvent),
    async latest(filter = {}) {
      const row = await matching(catalog, filter).orderBy('seq', 'desc').limit(1).executeTakeFirst()
      return row && toEvent(row)
    },
    wait: (cursor, signal) => head.wait(cursor, signal),
    async verify() {
      let previous: Event | undefined
      for (;;) {
        const page = await rowsSince(previous?.seq ?? 0, VERIFY_PAGE)
        for (const row of page) {
          const event = readable(row)
          const reason = event ? chainBreak(previous, event) : 'data is not JSON'
          if (reason !== undefined) return { ok: false, seq: row.seq, reason }
          previous = event
        }
        if (page.length < VERIFY_PAGE) return { ok: true, count: previous?.seq ?? 0 }
      }
    },
  }
}

function parseEvent(event: Event): Event {
  const parsed = Event.safeParse(event)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new GyreError('INVALID_ARGUMENT', `event ${issue?.path.join('.')}: ${issue?.message}`)
}

function matching(catalog: Catalog, { project, types, subject }: EventFilter) {
  let query = catalog.read.selectFrom('events').selectAll()
  if (project !== undefined) query = query.where('project', '=', project)
  if (types) query = query.where('type', 'in', types)
  if (subject)
    query = query.where('subject_kind', '=', subject.kind).where('subject_id', '=', subject.id)
  return query
}

function toRow(event: Event): Tables['events'] {
  const { subject, data, prevHash, ...plain } = event
  return {
    ...plain,
    subject_kind: subject.kind,
    subject_id: subject.id,
    data: JSON.stringify(data),
    prev_hash: prevHash,
  }
}

/** Not parsed again: every event was when it was appended, and a log of millions is walked by `verify`. */
function toEvent(row: Selectable<Tables['events']>): Event {
  const { subject_kind, subject_id, data, prev_hash, ...plain } = row
  return {
    ...plain,
    subject: { kind: subject_kind, id: subject_id },
    data: JSON.parse(data),
    prevHash: prev_hash,
  }
}

function readable(row: Selectable<Tables['events']>): Event | undefined {
  try {
    return toEvent(row)
  } catch {
    return undefined
  }
}
