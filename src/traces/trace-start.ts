import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { Tx } from '../store/catalog.ts'
import { putAssessment, setValid } from './assessments.ts'
import type { NewAssessment } from './assessment.ts'
import type { TraceInfo } from './trace-info.ts'
import { ARTIFACTS_TAG, isReserved, keptMetadata, keptTag, TOLD_KEY } from './trace-label.ts'

/** A trace as its client tells of it. */
export interface NewTrace extends Omit<TraceInfo, 'assessments'> {
  readonly assessments: readonly NewAssessment[]
}

/** It becomes a part of locations, so it must not look like several. */
const ID = /^[\w-]{1,100}$/

/** Throws INVALID_ARGUMENT. */
export function assertTraceId(id: string): void {
  if (ID.test(id)) return
  throw new GyreError(
    'INVALID_ARGUMENT',
    `trace_id: expected at most 100 letters, digits, _ and -, got ${JSON.stringify(id.slice(0, 120))}`,
    { field: 'trace_id' },
  )
}

/**
 * Keeps what a client tells of a whole trace: it wins over what the spans told, tags and metadata are merged with
 * those there are. Gives `traces.seq`.
 */
export async function startTrace(
  tx: Tx,
  { project }: Context,
  trace: NewTrace,
  location: string,
  nowMs: number,
): Promise<number> {
  const { seq } = await tx
    .insertInto('traces')
    .values({ project, ...cellsOf(trace) })
    .onConflict((conflict) =>
      conflict.columns(['project', 'id']).doUpdateSet((eb) => ({
        ...cellsOf(trace),
        request_preview: eb.fn.coalesce('excluded.request_preview', 'traces.request_preview'),
        response_preview: eb.fn.coalesce('excluded.response_preview', 'traces.response_preview'),
      })),
    )
    .returning('seq')
    .executeTakeFirstOrThrow()
  const tags = Object.entries(trace.tags).filter(([key]) => !isReserved(key))
  await putLabels(tx, 'trace_tags', seq, [
    ...tags.map(([key, value]) => keptTag(key, value)),
    [ARTIFACTS_TAG, location],
  ])
  await putLabels(tx, 'trace_metadata', seq, [
    ...Object.entries(trace.metadata).map(([key, value]) => keptMetadata(key, value)),
    [TOLD_KEY, 'true'],
  ])
  for (const one of trace.assessments) {
    await putAssessment(tx, seq, one, nowMs)
    if (one.overrides !== undefined) await setValid(tx, seq, one.overrides, 0)
  }
  return seq
}

function cellsOf(trace: NewTrace) {
  return {
    id: trace.id,
    experiment: trace.experiment,
    start_ms: trace.startMs,
    duration_ms: trace.durationMs ?? null,
    state: trace.state,
    request_preview: preview(trace.requestPreview),
    response_preview: preview(trace.responsePreview),
    client_request_id: trace.clientRequestId ?? null,
    told: 1 as const,
  }
}

/** A trace is not lost for a character that no text of the catalog holds; its spans have it. */
function preview(text: string | undefined): string | null {
  return text?.replaceAll('\0', '\uFFFD') ?? null
}

export async function putLabels(
  tx: Tx,
  table: 'trace_tags' | 'trace_metadata',
  trace: number,
  labels: readonly (readonly [key: string, value: string])[],
): Promise<void> {
  await tx
    .insertInto(table)
    .values([...new Map(labels)].map(([key, value]) => ({ trace, key, value })))
    .onConflict((conflict) =>
      conflict.columns(['trace', 'key']).doUpdateSet((eb) => ({ value: eb.ref('excluded.value') })),
    )
    .execute()
}
