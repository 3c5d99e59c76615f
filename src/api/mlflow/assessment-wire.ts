import { Json } from '@gyre/sdk/wire/ref'
import { z } from 'zod'
import { isJson } from '../../core/exact-json.ts'
import type { Assessment, Judgement, NewAssessment } from '../../traces/assessment.ts'
import { Instant, instantOut } from './proto-time.ts'
import { protobufEnum } from './wire.ts'

const Feedback = z
  .object({
    value: Json.default(null),
    error: z
      .object({
        error_code: z.string().default(''),
        error_message: z.string().optional(),
        stack_trace: z.string().optional(),
      })
      .optional(),
  })
  .transform(({ value, error }): Judgement => ({
    kind: 'feedback',
    value,
    error: error && {
      code: error.error_code,
      message: error.error_message,
      stack: error.stack_trace,
    },
  }))

const SerializedValue = z.object({
  serialization_format: z.literal('JSON_FORMAT', 'expected JSON_FORMAT'),
  value: z.string().refine(isJson, 'expected JSON'),
})

const Expectation = z
  .union([z.object({ serialized_value: SerializedValue }), z.object({ value: Json })])
  .transform((given): Judgement => ({
    kind: 'expectation',
    json: 'value' in given ? JSON.stringify(given.value) : given.serialized_value.value,
  }))

const Issue = z
  .object({ issue_name: z.string() })
  .transform(({ issue_name }): Judgement => ({ kind: 'issue', issueName: issue_name }))

const SourceType = protobufEnum(['SOURCE_TYPE_UNSPECIFIED', 'HUMAN', 'LLM_JUDGE', 'CODE'], 0)

const Source = z
  .object({
    source_type: SourceType.default('SOURCE_TYPE_UNSPECIFIED'),
    source_id: z.string().optional(),
  })
  .transform(({ source_type, source_id }) => ({ type: source_type, id: source_id || undefined }))

const Text = z
  .string()
  .transform((text) => text || undefined)
  .optional()

const Members = z.object({
  assessment_id: Text,
  assessment_name: z.string().default(''),
  source: Source.default({ type: 'SOURCE_TYPE_UNSPECIFIED', id: undefined }),
  create_time: Instant.optional(),
  last_update_time: Instant.optional(),
  feedback: Feedback.optional(),
  expectation: Expectation.optional(),
  issue: Issue.optional(),
  span_id: Text,
  rationale: Text,
  metadata: z.record(z.string(), z.string()).default({}),
  overrides: Text,
})

/** An assessment as a client sends it: with one judgement. */
export const AssessmentIn = Members.transform((given, ctx): NewAssessment => {
  const [judgement, ...others] = judgementsOf(given)
  if (!judgement || others.length > 0) {
    const message = 'expected one of feedback, expectation and issue'
    ctx.addIssue({ code: 'custom', message })
    return z.NEVER
  }
  return {
    id: given.assessment_id,
    name: given.assessment_name,
    judgement,
    source: given.source,
    span: given.span_id,
    rationale: given.rationale,
    overrides: given.overrides,
    metadata: given.metadata,
    createdMs: given.create_time,
    updatedMs: given.last_update_time,
  }
})

/** An assessment of which a mask says what counts. */
export const AssessmentPart = Members.transform((given) => ({
  ...given,
  judgements: judgementsOf(given),
}))

function judgementsOf({ feedback, expectation, issue }: z.output<typeof Members>): Judgement[] {
  return [feedback, expectation, issue].filter((one) => one !== undefined)
}

export function assessmentOut(one: Assessment): object {
  const { metadata, source } = one
  return {
    assessment_id: one.id,
    assessment_name: one.name,
    trace_id: one.trace,
    span_id: one.span,
    source: { source_type: source.type, source_id: source.id },
    create_time: instantOut(one.createdMs),
    last_update_time: instantOut(one.updatedMs),
    ...judgementOut(one.judgement),
    rationale: one.rationale,
    metadata: Object.keys(metadata).length === 0 ? undefined : metadata,
    overrides: one.overrides,
    valid: one.valid,
  }
}

function judgementOut(judgement: Judgement): object {
  switch (judgement.kind) {
    case 'feedback': {
      const { value, error } = judgement
      if (!error) return { feedback: { value } }
      const { code, message, stack } = error
      return {
        feedback: {
          value,
          error: { error_code: code, error_message: message, stack_trace: stack },
        },
      }
    }
    case 'expectation':
      return { expectation: expectationOut(judgement.json) }
    case 'issue':
      return { issue: { issue_name: judgement.issueName } }
  }
}

/** MLflow writes whatever is no scalar as a text. */
function expectationOut(json: string): object {
  const value: unknown = JSON.parse(json)
  if (typeof value !== 'object') return { value }
  return { serialized_value: { serialization_format: 'JSON_FORMAT', value: json } }
}
