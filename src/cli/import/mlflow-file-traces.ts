import { join } from 'node:path'
import type { ImportAssessment } from '@gyre/sdk/wire/import'
import { z } from 'zod'
import type { ArtifactPlaces } from './artifact-places.ts'
import { filesIn } from './folder-files.ts'
import {
  entriesOf,
  isThere,
  labelsIn,
  readMeta,
  readYaml,
  refuseStrange,
  shaped,
  type Shelf,
} from './mlflow-folder.ts'
import { readTraceFile, TRACE_FILE } from './mlflow-trace-file.ts'
import { ARTIFACTS_TAG, AssessmentFile, labelOf, packSpans, toTrace } from './mlflow-trace-shape.ts'
import type { SourceFile, SourceTrace } from './source.ts'

const IN_TRACE = ['trace_info.yaml', 'request_metadata', 'tags', 'assessments', 'artifacts']

const TextOrNull = z
  .string()
  .nullish()
  .transform((text) => text ?? null)

/** MLflow 2 named some members otherwise. */
const TraceInfo = z
  .object({
    trace_id: z.string().optional(),
    request_id: z.string().optional(),
    request_time: z.iso.datetime().optional(),
    timestamp_ms: z.int().optional(),
    execution_duration_ms: z.int().nullish(),
    execution_time_ms: z.int().nullish(),
    state: z.string().optional(),
    status: z.string().optional(),
    client_request_id: TextOrNull,
    request_preview: TextOrNull,
    response_preview: TextOrNull,
  })
  .transform((info) => ({
    ...info,
    id: info.trace_id ?? info.request_id,
    startMs:
      info.request_time === undefined ? (info.timestamp_ms ?? 0) : Date.parse(info.request_time),
    durationMs: info.execution_duration_ms ?? info.execution_time_ms ?? null,
  }))
  .refine(({ id }) => id !== undefined, 'expected a trace_id')

const State = z.enum(['OK', 'ERROR', 'IN_PROGRESS']).catch('OK')

/** The traces of an experiment's folder. */
export async function* tracesInFolder(
  shelf: Shelf,
  places: ArtifactPlaces,
  experiment: { readonly path: string; readonly name: string },
): AsyncGenerator<SourceTrace> {
  const { tally } = shelf
  const parent = join(experiment.path, 'traces')
  const { folders, others } = await entriesOf(parent)
  refuseStrange(tally, parent, others, [])
  for (const id of folders) {
    const path = join(parent, id)
    const info = await readMeta(shelf, 'traces', path, TraceInfo, 'trace_info.yaml')
    if (!info) continue
    const inside = await entriesOf(path)
    refuseStrange(tally, path, [...inside.folders, ...inside.others], IN_TRACE)
    const of = `trace ${id}`
    const tags = await labelsIn(shelf, 'trace tags', join(path, 'tags'), of)
    const metadata = await labelsIn(shelf, 'trace metadata', join(path, 'request_metadata'), of)
    const own = join(path, 'artifacts')
    const location = labelOf(tags, ARTIFACTS_TAG)
    const folder =
      (await isThere(own)) || location === undefined ? own : await places.find(location)
    const spans = folder === undefined ? [] : await readTraceFile(tally, folder, id)
    const assessments = await assessmentsIn(shelf, path, id)
    const shape = () =>
      toTrace(
        {
          id: info.id ?? id,
          experiment: experiment.name,
          startMs: info.startMs,
          durationMs: info.durationMs,
          state: State.parse(info.state ?? info.status),
          requestPreview: info.request_preview,
          responsePreview: info.response_preview,
          clientRequestId: info.client_request_id,
          metadata,
          tags,
          assessments,
          links: [],
        },
        packSpans(tally, id, spans),
      )
    const trace = shaped(tally, 'traces', `${path}: trace_info.yaml`, shape)
    if (trace) yield { trace, files: () => filesOf(shelf, folder, id) }
  }
}

async function assessmentsIn(
  shelf: Shelf,
  path: string,
  trace: string,
): Promise<ImportAssessment[]> {
  const folder = join(path, 'assessments')
  const { others } = await entriesOf(folder)
  const found: ImportAssessment[] = []
  for (const name of others) {
    const of = `${name} of trace ${trace}`
    const one = await readYaml(shelf, 'assessments', of, join(folder, name), AssessmentFile)
    if (one) found.push(one)
  }
  return found
}

/** What lies beside the spans: attachments. */
async function* filesOf(
  { tally, within }: Shelf,
  folder: string | undefined,
  trace: string,
): AsyncGenerator<SourceFile> {
  if (folder === undefined || !(await isThere(folder))) return
  yield* filesIn(folder, { tally, of: `trace ${trace}`, within, without: [TRACE_FILE] })
}
