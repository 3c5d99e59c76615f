import { randomBytes } from 'node:crypto'
import { Json, type JsonValue } from '@gyre/sdk/wire/ref'
import type { Insertable, Selectable } from 'kysely'
import { z } from 'zod'
import { exactJson } from '../core/exact-json.ts'
import type { Tables } from '../store/schema.ts'

/** Why a feedback has no value. */
export interface AssessmentError {
  readonly code: string
  readonly message?: string | undefined
  readonly stack?: string | undefined
}

/** What somebody found of a trace, what was expected of it, or which known issue it shows. */
export type Judgement =
  | {
      readonly kind: 'feedback'
      readonly value: JsonValue
      readonly error?: AssessmentError | undefined
    }
  /** JSON, digit for digit as it was given. */
  | { readonly kind: 'expectation'; readonly json: string }
  | { readonly kind: 'issue'; readonly issueName: string }

/** What a client says of a trace, or of one of its spans. */
export interface NewAssessment {
  /** Made up when left out. */
  readonly id?: string | undefined
  /** Of an issue its id. */
  readonly name: string
  readonly judgement: Judgement
  readonly source: { readonly type: string; readonly id?: string | undefined }
  readonly span?: string | undefined
  readonly rationale?: string | undefined
  /** The assessment of the same trace in whose place it is. */
  readonly overrides?: string | undefined
  readonly metadata: Readonly<Record<string, string>>
  /** Epoch milliseconds; now when left out. */
  readonly createdMs?: number | undefined
  readonly updatedMs?: number | undefined
}

export interface Assessment extends NewAssessment {
  readonly id: string
  readonly trace: string
  /** False while another is in its place. */
  readonly valid: boolean
  readonly createdMs: number
  readonly updatedMs: number
}

type Row = Tables['assessments']

/** The cells of a new one; `trace` is `traces.seq`. */
export function cellsOf(trace: number, given: NewAssessment, nowMs: number): Insertable<Row> {
  const { id, name, judgement, source, span, rationale, overrides, metadata } = given
  return {
    trace,
    id: id ?? `a-${randomBytes(16).toString('hex')}`,
    name,
    kind: judgement.kind,
    ...valueCells(judgement),
    source_type: source.type,
    source_id: source.id ?? null,
    span: span ?? null,
    rationale: rationale ?? null,
    overrides: overrides ?? null,
    valid: 1,
    metadata: JSON.stringify(metadata),
    created_ms: given.createdMs ?? nowMs,
    updated_ms: given.updatedMs ?? nowMs,
  }
}

export function valueCells(judgement: Judgement): Pick<Insertable<Row>, 'value' | 'error'> {
  switch (judgement.kind) {
    case 'feedback':
      return {
        value: exactJson(judgement.value),
        error: judgement.error ? JSON.stringify(judgement.error) : null,
      }
    case 'expectation':
      return { value: judgement.json, error: null }
    case 'issue':
      return { value: JSON.stringify(judgement.issueName), error: null }
  }
}

const Texts = z.record(z.string(), z.string())

const StoredError = z.object({
  code: z.string(),
  message: z.string().optional(),
  stack: z.string().optional(),
})

export function toAssessment(trace: string, row: Selectable<Row>): Assessment {
  return {
    id: row.id,
    trace,
    name: row.name,
    judgement: judgementOf(row),
    source: { type: row.source_type, id: row.source_id ?? undefined },
    span: row.span ?? undefined,
    rationale: row.rationale ?? undefined,
    overrides: row.overrides ?? undefined,
    valid: row.valid === 1,
    metadata: metadataOf(row),
    createdMs: row.created_ms,
    updatedMs: row.updated_ms,
  }
}

export function metadataOf({ metadata }: Pick<Row, 'metadata'>): Readonly<Record<string, string>> {
  return Texts.parse(JSON.parse(metadata))
}

function judgementOf({ kind, value, error }: Selectable<Row>): Judgement {
  switch (kind) {
    case 'feedback':
      return {
        kind,
        value: Json.parse(JSON.parse(value)),
        error: error === null ? undefined : StoredError.parse(JSON.parse(error)),
      }
    case 'expectation':
      return { kind, json: value }
    case 'issue':
      return { kind, issueName: z.string().parse(JSON.parse(value)) }
  }
}
