import { ImportTrace, type ImportAssessment } from '@gyre/sdk/wire/import'
import { Json, type JsonValue } from '@gyre/sdk/wire/ref'
import { z } from 'zod'
import { GyreError } from '../../core/errors.ts'
import type { PythonValue } from '../../core/formats/python-json.ts'
import type { Label } from '../../tracking/tracked-run.ts'
import { reasonOf } from './mlflow-folder.ts'
import { nameOfSpan, packSpan } from './mlflow-span.ts'
import type { Tally } from './tally.ts'

/** Tags that say where MLflow kept the parts of a trace. */
export const SPANS_TAG = 'mlflow.trace.spansLocation'
export const ARTIFACTS_TAG = 'mlflow.artifactLocation'
const OWN_TAGS = new Set([SPANS_TAG, ARTIFACTS_TAG, 'mlflow.trace.archiveLocation'])

/** Metadata that says that the trace was told of as a whole. */
const OWN_METADATA = new Set(['mlflow.trace.infoFinalized'])

/** A trace without its spans, as MLflow's stores tell of it. */
export interface TraceHead extends Omit<ImportTrace, 'spans'> {
  readonly spans?: never
}

/** Throws ZodError for times that no trace of Gyre can have. */
export function toTrace(head: TraceHead, spans: string[]): ImportTrace {
  const { metadata, tags, ...rest } = head
  return ImportTrace.parse({
    ...rest,
    metadata: metadata.filter(({ key }) => !OWN_METADATA.has(key)),
    tags: tags.filter(({ key }) => !OWN_TAGS.has(key)),
    spans,
  })
}

/** The value of a label; undefined where there is none. */
export function labelOf(labels: readonly Label[], key: string): string | undefined {
  return labels.find((label) => label.key === key)?.value
}

/** Spans as the wire has them; one that cannot be sent is told to the tally by its name. */
export function packSpans(tally: Tally, trace: string, spans: readonly PythonValue[]): string[] {
  return spans.flatMap((span) => {
    try {
      return [Buffer.from(packSpan(trace, span)).toString('base64')]
    } catch (thrown) {
      if (!(thrown instanceof GyreError)) throw thrown
      tally.miss('spans', `${nameOfSpan(span)} of trace ${trace}`, thrown.message)
      return []
    }
  })
}

const Text = z
  .string()
  .nullish()
  .transform((text) => text || null)

const Texts = z
  .record(z.string(), z.string())
  .nullish()
  .transform((texts) => texts ?? {})

const StoredError = z
  .object({ error_code: z.string(), error_message: Text, stack_trace: Text })
  .nullish()
  .transform((error) =>
    error
      ? { code: error.error_code, message: error.error_message, stack: error.stack_trace }
      : null,
  )

/** Of an error the message of the reason alone. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new GyreError('INVALID_INPUT', 'its value is no JSON')
  }
}

const Whole = z.union([z.bigint(), z.int()]).transform(Number)

/** An assessment as MLflow's SQL store keeps it. */
export const AssessmentRow = z
  .object({
    assessment_id: z.string(),
    name: z.string(),
    assessment_type: z.enum(['feedback', 'expectation', 'issue']),
    value: z.string(),
    error: Text,
    created_timestamp: Whole,
    last_updated_timestamp: Whole,
    source_type: z.string(),
    source_id: Text,
    run_id: Text,
    span_id: Text,
    rationale: Text,
    overrides: Text,
    valid: z.union([z.bigint(), z.boolean(), z.int()]).transform(Boolean),
    assessment_metadata: Text,
  })
  .transform((row, ctx) => {
    const judgement = readable(ctx, () => judgementOfRow(row))
    const metadata = readable(ctx, () => Texts.parse(row.assessment_metadata === null ? {} : jsonOf(row.assessment_metadata))) // prettier-ignore
    if (judgement === undefined || metadata === undefined) return z.NEVER
    const assessment: ImportAssessment = {
      id: row.assessment_id,
      name: row.name,
      judgement,
      sourceType: row.source_type,
      sourceId: row.source_id,
      span: row.span_id,
      rationale: row.rationale,
      overrides: row.overrides,
      valid: row.valid,
      metadata,
      createdMs: row.created_timestamp,
      updatedMs: row.last_updated_timestamp,
    }
    return { assessment, run: row.run_id }
  })

function judgementOfRow({
  assessment_type: kind,
  value,
  error,
}: {
  readonly assessment_type: 'feedback' | 'expectation' | 'issue'
  readonly value: string
  readonly error: string | null
}): ImportAssessment['judgement'] {
  // prettier-ignore
  switch (kind) {
    case 'feedback':
      return {
        kind,
        value: Json.parse(jsonOf(value)),
        error: StoredError.parse(error === null ? null : jsonOf(error)),
      }
    case 'expectation':
      jsonOf(value)
      return { kind, json: value }
    case 'issue':
      return { kind, issueName: z.object({ issue_name: z.string() }).parse(jsonOf(value)).issue_name } // prettier-ignore
  }
}

const Instant = z.iso.datetime().transform((text) => Date.parse(text))

const SerializedValue = z.object({ serialized_value: z.object({ value: z.string() }) })
const PlainValue = z.object({ value: Json })

/** An assessment as MLflow's file store keeps it. */
export const AssessmentFile = z
  .object({
    assessment_id: z.string(),
    assessment_name: z.string().default(''),
    create_time: Instant,
    last_update_time: Instant,
    source: z.object({ source_type: z.string(), source_id: Text }),
    feedback: z.object({ value: Json.default(null), error: StoredError }).optional(),
    expectation: z.union([SerializedValue, PlainValue]).optional(),
    issue: z.object({ issue_name: z.string() }).optional(),
    span_id: Text,
    rationale: Text,
    overrides: Text,
    valid: z.boolean().default(true),
    metadata: Texts,
  })
  .transform((file, ctx): ImportAssessment => {
    const judgement = readable(ctx, () => judgementOfFile(file))
    if (judgement === undefined) return z.NEVER
    return {
      id: file.assessment_id,
      name: file.assessment_name,
      judgement,
      sourceType: file.source.source_type,
      sourceId: file.source.source_id,
      span: file.span_id,
      rationale: file.rationale,
      overrides: file.overrides,
      valid: file.valid,
      metadata: file.metadata,
      createdMs: file.create_time,
      updatedMs: file.last_update_time,
    }
  })

function judgementOfFile({
  feedback,
  expectation,
  issue,
}: {
  readonly feedback?: { readonly value: JsonValue; readonly error: z.output<typeof StoredError> } | undefined // prettier-ignore
  readonly expectation?: z.output<typeof SerializedValue> | z.output<typeof PlainValue> | undefined
  readonly issue?: { readonly issue_name: string } | undefined
}): ImportAssessment['judgement'] {
  if (feedback) return { kind: 'feedback', ...feedback }
  if (issue) return { kind: 'issue', issueName: issue.issue_name }
  if (!expectation) throw new GyreError('INVALID_INPUT', 'it says nothing')
  if ('value' in expectation)
    return { kind: 'expectation', json: JSON.stringify(expectation.value) }
  const { value: json } = expectation.serialized_value
  jsonOf(json)
  return { kind: 'expectation', json }
}

function readable<T>(ctx: z.RefinementCtx, read: () => T): T | undefined {
  try {
    return read()
  } catch (thrown) {
    ctx.addIssue({ code: 'custom', message: reasonOf(thrown) })
    return undefined
  }
}
