import type { ImportAssessment, ImportTrace } from '@gyre/sdk/wire/import'
import { z } from 'zod'
import { parsePythonJson, type PythonValue } from '../../core/formats/python-json.ts'
import type { Label } from '../../tracking/tracked-run.ts'
import type { ArtifactPlaces } from './artifact-places.ts'
import { filesIn } from './folder-files.ts'
import { reasonOf, shaped } from './mlflow-folder.ts'
import type { Tables } from './mlflow-tables.ts'
import { readTraceFile, TRACE_FILE } from './mlflow-trace-file.ts'
import { ARTIFACTS_TAG, AssessmentRow, labelOf, packSpans, SPANS_TAG, toTrace } from './mlflow-trace-shape.ts' // prettier-ignore
import type { SourceFile, SourceTrace } from './source.ts'
import type { Tally } from './tally.ts'

export interface TraceDeps {
  readonly tally: Tally
  readonly tables: Tables
  readonly places: ArtifactPlaces
}

const Whole = z.bigint().transform(Number)
const WholeOrNull = z
  .union([z.bigint(), z.null()])
  .default(null)
  .transform((value) => (value === null ? null : Number(value)))
const TextOrNull = z
  .string()
  .nullish()
  .transform((text) => text ?? null)

const Cost = z.number().nullish()

const TraceRow = z.object({
  request_id: z.string(),
  timestamp_ms: Whole,
  execution_time_ms: WholeOrNull,
  status: z.enum(['OK', 'ERROR', 'IN_PROGRESS', 'STATE_UNSPECIFIED', 'TRACE_STATUS_UNSPECIFIED', 'UNSPECIFIED']), // prettier-ignore
  client_request_id: TextOrNull,
  request_preview: TextOrNull,
  response_preview: TextOrNull,
  // What MLflow 3.17 moved out of the tags and the metadata.
  trace_name: TextOrNull,
  session_id: TextOrNull,
  input_tokens: WholeOrNull,
  output_tokens: WholeOrNull,
  total_tokens: WholeOrNull,
  cache_read_input_tokens: WholeOrNull,
  cache_creation_input_tokens: WholeOrNull,
  input_cost: Cost,
  output_cost: Cost,
  total_cost: Cost,
})
type TraceRow = z.output<typeof TraceRow>

/** The traces of an experiment as MLflow's SQL store keeps them. */
export async function* tracesInDatabase(
  deps: TraceDeps,
  experiment: { readonly id: string; readonly name: string },
): AsyncGenerator<SourceTrace> {
  const { tally, tables } = deps
  const where = { experiment_id: experiment.id }
  for (const row of tables.each('trace_info', 'traces', TraceRow, where)) {
    const id = row.request_id
    const of = { request_id: id }
    const tags = withColumns(tables.labels('trace_tags', 'trace tags', of), namesOf(row))
    const told = tables.labels('trace_request_metadata', 'trace metadata', of)
    const metadata = withColumns(told, countsOf(row))
    const location = labelOf(tags, ARTIFACTS_TAG) ?? ''
    const spans = await spansOf(deps, id, labelOf(tags, SPANS_TAG), location)
    const shape = () =>
      toTrace(
        {
          id,
          experiment: experiment.name,
          startMs: row.timestamp_ms,
          durationMs: row.execution_time_ms,
          state: stateOf(row),
          requestPreview: row.request_preview,
          responsePreview: row.response_preview,
          clientRequestId: row.client_request_id,
          metadata,
          tags,
          assessments: assessmentsOf(deps, id),
          links: linksOf(deps, id),
        },
        packSpans(tally, id, spans),
      )
    const trace = shaped(tally, 'traces', `trace ${id}`, shape)
    if (trace) yield { trace, files: () => filesOf(deps, id, location) }
  }
}

function stateOf({ status }: TraceRow): ImportTrace['state'] {
  return status === 'TRACE_STATUS_UNSPECIFIED' || status === 'UNSPECIFIED'
    ? 'STATE_UNSPECIFIED'
    : status
}

/** A column wins over the label that it has taken the place of. */
function withColumns(labels: readonly Label[], columns: readonly Label[]): Label[] {
  const keys = new Set(columns.map(({ key }) => key))
  return [...labels.filter(({ key }) => !keys.has(key)), ...columns]
}

function namesOf({ trace_name }: TraceRow): Label[] {
  return trace_name === null ? [] : [{ key: 'mlflow.traceName', value: trace_name }]
}

function countsOf(row: TraceRow): Label[] {
  const tokens = {
    input_tokens: row.input_tokens,
    output_tokens: row.output_tokens,
    total_tokens: row.total_tokens,
    cache_read_input_tokens: row.cache_read_input_tokens,
    cache_creation_input_tokens: row.cache_creation_input_tokens,
  }
  const cost = {
    input_cost: row.input_cost,
    output_cost: row.output_cost,
    total_cost: row.total_cost,
  }
  const session =
    row.session_id === null ? [] : [{ key: 'mlflow.trace.session', value: row.session_id }]
  return [
    ...session,
    ...pythonObject('mlflow.trace.tokenUsage', tokens),
    ...pythonObject('mlflow.trace.cost', cost),
  ]
}

/** What is there of some numbers, as Python's `json.dumps` writes it. */
function pythonObject(
  key: string,
  numbers: Readonly<Record<string, number | null | undefined>>,
): Label[] {
  const members = Object.entries(numbers).flatMap(([name, value]) =>
    value === null || value === undefined ? [] : [`"${name}": ${value}`],
  )
  return members.length === 0 ? [] : [{ key, value: `{${members.join(', ')}}` }]
}

const SpanRow = z.object({ name: TextOrNull, content: z.string() })

/** In the table of spans, or in a file among the artifacts of the trace, as MLflow did before 3.4. */
async function spansOf(
  { tally, tables, places }: TraceDeps,
  trace: string,
  kept: string | undefined,
  location: string,
): Promise<readonly PythonValue[]> {
  const rows = [...tables.each('spans', 'spans', SpanRow, { trace_id: trace })]
  if (rows.length > 0)
    return rows.flatMap(({ name, content }) => {
      try {
        return [parsePythonJson(content)]
      } catch (thrown) {
        tally.miss('spans', `${name} of trace ${trace}`, reasonOf(thrown))
        return []
      }
    })
  if (kept === 'ARCHIVE_REPO') {
    tally.miss('spans', `those of trace ${trace}`, 'MLflow has moved them into its archive')
    return []
  }
  const folder = location === '' ? undefined : await places.find(location)
  return folder === undefined ? [] : readTraceFile(tally, folder, trace)
}

function assessmentsOf({ tally, tables }: TraceDeps, trace: string): ImportAssessment[] {
  const rows = tables.each('assessments', 'assessments', AssessmentRow, { trace_id: trace })
  return [...rows].map(({ assessment, run }) => {
    if (run !== null)
      tally.leave('runs of assessments', 'Gyre does not say which run made an assessment')
    return assessment
  })
}

const LinkRow = z.object({ destination_id: z.string() })

const LINKS = { run: 'run', prompt: 'prompt_version' } as const

function linksOf({ tables }: TraceDeps, trace: string): ImportTrace['links'] {
  return (['run', 'prompt'] as const).flatMap((kind) => {
    const where = { source_type: 'trace', source_id: trace, destination_type: LINKS[kind] }
    const rows = tables.each('entity_associations', 'trace links', LinkRow, where)
    return [...rows].map(({ destination_id: to }) => ({ kind, to }))
  })
}

/** Links of kinds that traces do not have. */
export function refuseStrangeLinks({ tally, tables }: TraceDeps): void {
  const known = Object.values(LINKS).reduce(
    (sum, kind) =>
      sum + tables.count('entity_associations', { source_type: 'trace', destination_type: kind }),
    0,
  )
  const strange = tables.count('entity_associations') - known
  if (strange > 0)
    tally.miss('links', 'rows of the table entity_associations', 'Gyre has no place for links of their kind', strange) // prettier-ignore
}

/** What lies beside the spans: attachments. */
async function* filesOf(
  { tally, places }: TraceDeps,
  trace: string,
  location: string,
): AsyncGenerator<SourceFile> {
  const folder = location === '' ? undefined : await places.findAny(location)
  if (folder === undefined) return
  yield* filesIn(folder, {
    tally,
    of: `trace ${trace}`,
    within: places.within,
    without: [TRACE_FILE],
  })
}
