import { Json, type JsonValue } from '@gyre/sdk/wire/ref'
import { z } from 'zod'
import type { Row } from '../store/analytics.ts'

const JsonText = z.string().transform((text, ctx): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    ctx.addIssue({ code: 'custom', message: 'expected JSON' })
    return z.NEVER
  }
})

/** A joined row of the log as analytics gives it. */
const JoinedRow = z.object({
  id: z.string(),
  endpoint: z.string(),
  subject: z.string().nullable(),
  received_ms: z.number(),
  at_ms: z.number(),
  model: z.string(),
  code: z.string().nullable(),
  variant: z.string(),
  release_id: z.string().nullable(),
  rev: z.number(),
  status: z.enum(['ok', 'error']),
  error: z.string().nullable(),
  score: z.number().nullable(),
  prediction: z.number().nullable(),
  quarantined: z.boolean(),
  reasons: z.array(z.string()),
  latency_ms: z.number(),
  fields: JsonText.pipe(z.record(z.string(), Json)).nullable(),
  inputs: z.array(z.number().nullable()).nullable(),
  label: z.number().nullable(),
  label_known_ms: z.number().nullable(),
})

/** One prediction with everything that made it, and its label once known. */
export interface StoredPrediction {
  readonly id: string
  readonly endpoint: string
  readonly subject: string | null
  readonly receivedAt: string
  /** Event time. */
  readonly at: string
  readonly model: string
  /** The code version that declared the endpoint. */
  readonly code: string | null
  readonly variant: string
  readonly releaseId: string | null
  readonly rev: number
  readonly status: 'ok' | 'error'
  readonly error: string | null
  readonly score: number | null
  readonly prediction: number | null
  readonly quarantined: boolean
  readonly reasons: readonly string[]
  readonly latencyMs: number
  readonly fields: Readonly<Record<string, JsonValue>> | null
  /** What the model saw, by input name; null = missing. */
  readonly inputs: Readonly<Record<string, number | null>> | null
  readonly label: number | null
  readonly labelKnownAt: string | null
}

/** `inputNames` are those of the row's model, in order. */
export function toStoredPrediction(row: Row, inputNames: readonly string[]): StoredPrediction {
  const joined = JoinedRow.parse(row)
  const { inputs } = joined
  return {
    id: joined.id,
    endpoint: joined.endpoint,
    subject: joined.subject,
    receivedAt: instant(joined.received_ms),
    at: instant(joined.at_ms),
    model: joined.model,
    code: joined.code,
    variant: joined.variant,
    releaseId: joined.release_id,
    rev: joined.rev,
    status: joined.status,
    error: joined.error,
    score: joined.score,
    prediction: joined.prediction,
    quarantined: joined.quarantined,
    reasons: joined.reasons,
    latencyMs: joined.latency_ms,
    fields: joined.fields,
    inputs: inputs && Object.fromEntries(inputNames.map((name, i) => [name, inputs[i] ?? null])),
    label: joined.label,
    labelKnownAt: joined.label_known_ms === null ? null : instant(joined.label_known_ms),
  }
}

function instant(ms: number): string {
  return new Date(ms).toISOString()
}
