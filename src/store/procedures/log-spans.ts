import type { Sql, SqlValue } from './sql.ts'

/** Spans of some traces, and what they tell of those. */
export interface LogSpans {
  readonly project: string
  /** Where a trace is that its spans are the first to tell of. */
  readonly experiment: number
  readonly traces: readonly TraceOfSpans[]
}

export interface TraceOfSpans {
  readonly id: string
  /** Of the earliest span. */
  readonly startMs: number
  /** Of the latest one; undefined while none has ended. */
  readonly endMs: number | undefined
  readonly state: 'IN_PROGRESS' | 'OK' | 'ERROR'
  readonly requestPreview: string | undefined
  readonly responsePreview: string | undefined
  readonly tags: readonly Label[]
  /** Tags and metadata where the trace has none under their key. */
  readonly tagDefaults: readonly Label[]
  readonly metadataDefaults: readonly Label[]
  readonly spans: readonly SpanCells[]
  /** The run that the trace is to be linked to. */
  readonly run: string | undefined
}

type Label = readonly [key: string, value: string]

export interface SpanCells {
  readonly id: string
  readonly parent: string | undefined
  readonly name: string
  readonly type: string | undefined
  readonly status: 'UNSET' | 'OK' | 'ERROR'
  readonly startNs: bigint
  readonly content: string
}

/**
 * Keeps spans; one that was sent before is replaced. A trace begins with its first span and grows with the others,
 * until its client tells of it as a whole.
 */
export function logSpans(sql: Sql, { project, experiment, traces }: LogSpans): null {
  for (const trace of traces) {
    const seq = putTrace(sql, project, experiment, trace)
    for (const span of trace.spans) putSpan(sql, seq, span)
    for (const [key, value] of trace.tags)
      sql.run(
        `INSERT INTO trace_tags (trace, key, value) VALUES (?, ?, ?)
          ON CONFLICT (trace, key) DO UPDATE SET value = excluded.value`,
        [seq, key, value],
      )
    for (const [key, value] of trace.tagDefaults)
      sql.run('INSERT OR IGNORE INTO trace_tags (trace, key, value) VALUES (?, ?, ?)', [
        seq,
        key,
        value,
      ])
    for (const [key, value] of trace.metadataDefaults)
      sql.run('INSERT OR IGNORE INTO trace_metadata (trace, key, value) VALUES (?, ?, ?)', [
        seq,
        key,
        value,
      ])
    if (trace.run !== undefined)
      sql.run('INSERT OR IGNORE INTO trace_runs (trace, run) VALUES (?, ?)', [seq, trace.run])
  }
  return null
}

/** On the right of SET stand the values as they were. */
const PUT_TRACE = `
  INSERT INTO traces (project, id, experiment, start_ms, duration_ms, state, request_preview, response_preview, told)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)
  ON CONFLICT (project, id) DO UPDATE SET
    start_ms = iif(told, start_ms, min(start_ms, excluded.start_ms)),
    duration_ms = iif(told OR excluded.duration_ms IS NULL, duration_ms,
      max(start_ms + coalesce(duration_ms, 0), excluded.start_ms + excluded.duration_ms)
        - min(start_ms, excluded.start_ms)),
    state = iif(state IN ('IN_PROGRESS', 'STATE_UNSPECIFIED') AND excluded.state <> 'IN_PROGRESS',
      excluded.state, state),
    request_preview = coalesce(request_preview, excluded.request_preview),
    response_preview = coalesce(response_preview, excluded.response_preview)
  RETURNING seq`

function putTrace(
  sql: Sql,
  project: string,
  experiment: number,
  { id, startMs, endMs, state, requestPreview, responsePreview }: TraceOfSpans,
): SqlValue {
  const durationMs = endMs === undefined ? null : endMs - startMs
  const previews = [requestPreview ?? null, responsePreview ?? null]
  const row = [project, id, experiment, startMs, durationMs, state, ...previews]
  const [[seq] = []] = sql.all(PUT_TRACE, row)
  return seq ?? null
}

function putSpan(sql: Sql, trace: SqlValue, span: SpanCells): void {
  const { id, parent = null, name, type = null, status, startNs, content } = span
  sql.run(
    `INSERT INTO trace_spans (trace, id, parent, name, type, status, start_ns, content)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT (trace, id) DO UPDATE SET
        parent = excluded.parent, name = excluded.name, type = excluded.type, status = excluded.status,
        start_ns = excluded.start_ns, content = excluded.content`,
    [trace, id, parent, name, type, status, startNs, content],
  )
}
