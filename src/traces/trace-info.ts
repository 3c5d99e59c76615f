import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import { groupBy } from '../core/group.ts'
import type { Tx } from '../store/catalog.ts'
import type { Tables } from '../store/schema.ts'
import { toAssessment, type Assessment } from './assessment.ts'

export type TraceState = Tables['traces']['state']

/** All of a trace but its spans. Times are epoch milliseconds. */
export interface TraceInfo {
  readonly id: string
  readonly experiment: number
  readonly startMs: number
  readonly durationMs: number | undefined
  readonly state: TraceState
  readonly requestPreview: string | undefined
  readonly responsePreview: string | undefined
  readonly clientRequestId: string | undefined
  /** Said once, when the trace was made. */
  readonly metadata: Readonly<Record<string, string>>
  readonly tags: Readonly<Record<string, string>>
  /** Oldest first. */
  readonly assessments: readonly Assessment[]
}

function noTrace(id: string): GyreError {
  return new GyreError('NOT_FOUND', `Trace with ID '${id}' not found.`, { trace: id })
}

/** `traces.seq`. Throws NOT_FOUND. */
export async function seqOf(db: Tx, { project }: Context, id: string): Promise<number> {
  const row = await db
    .selectFrom('traces')
    .select('seq')
    .where('project', '=', project)
    .where('id', '=', id)
    .executeTakeFirst()
  if (!row) throw noTrace(id)
  return row.seq
}

/** Throws NOT_FOUND. */
export async function getInfo(db: Tx, ctx: Context, id: string): Promise<TraceInfo> {
  const [info] = await readInfos(db, [await seqOf(db, ctx, id)])
  if (!info) throw noTrace(id)
  return info
}

/** Traces in the order of their numbers here; one that has gone is left out. */
export async function readInfos(db: Tx, seqs: readonly number[]): Promise<TraceInfo[]> {
  if (seqs.length === 0) return []
  const [rows, tags, metadata, assessments] = await Promise.all([
    db.selectFrom('traces').selectAll().where('seq', 'in', seqs).execute(),
    db.selectFrom('trace_tags').selectAll().where('trace', 'in', seqs).execute(),
    db.selectFrom('trace_metadata').selectAll().where('trace', 'in', seqs).execute(),
    db
      .selectFrom('assessments')
      .selectAll()
      .where('trace', 'in', seqs)
      .orderBy('created_ms')
      .orderBy('seq')
      .execute(),
  ])
  const tagsOf = groupBy(tags, ({ trace }) => trace)
  const metadataOf = groupBy(metadata, ({ trace }) => trace)
  const assessmentsOf = groupBy(assessments, ({ trace }) => trace)
  const bySeq = new Map(rows.map((row) => [row.seq, row]))
  return seqs.flatMap((seq) => {
    const row = bySeq.get(seq)
    if (!row) return []
    return [
      {
        id: row.id,
        experiment: row.experiment,
        startMs: row.start_ms,
        durationMs: row.duration_ms ?? undefined,
        state: row.state,
        requestPreview: row.request_preview ?? undefined,
        responsePreview: row.response_preview ?? undefined,
        clientRequestId: row.client_request_id ?? undefined,
        metadata: toRecord(metadataOf.get(seq)),
        tags: toRecord(tagsOf.get(seq)),
        assessments: (assessmentsOf.get(seq) ?? []).map((one) => toAssessment(row.id, one)),
      },
    ]
  })
}

function toRecord(
  labels: readonly { readonly key: string; readonly value: string }[] = [],
): Readonly<Record<string, string>> {
  return Object.fromEntries(labels.map(({ key, value }) => [key, value]))
}
