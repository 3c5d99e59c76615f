import { sql } from 'kysely'
import { z } from 'zod'
import type { Context } from '../core/context.ts'
import type { Tx } from '../store/catalog.ts'
import type { TraceInfo } from './trace-info.ts'
import { SIZE_KEY } from './trace-label.ts'

/** A trace and its spans. */
export interface Trace {
  readonly info: TraceInfo
  /** The root first, then by their start; each as OTLP's JSON (`core/formats/otlp.ts`). */
  readonly spans: readonly string[]
}

/** The trace with the spans that have come. */
export async function withSpans(db: Tx, { project }: Context, info: TraceInfo): Promise<Trace> {
  const rows = await db
    .selectFrom('trace_spans as span')
    .innerJoin('traces', 'traces.seq', 'span.trace')
    .select('span.content')
    .where('traces.project', '=', project)
    .where('traces.id', '=', info.id)
    .orderBy((eb) => eb('span.parent', 'is not', null))
    .orderBy('span.start_ns')
    .orderBy(sql`span.rowid`)
    .execute()
  return { info, spans: rows.map(({ content }) => content) }
}

/** Whether there are spans, as many as the client has said. */
export function isWhole({ info, spans }: Trace): boolean {
  return spans.length > 0 && spans.length >= spansTold(info)
}

const SizeStats = z.object({ num_spans: z.number() })

function spansTold({ metadata }: TraceInfo): number {
  try {
    return SizeStats.safeParse(JSON.parse(metadata[SIZE_KEY] ?? 'null')).data?.num_spans ?? 0
  } catch {
    return 0
  }
}
