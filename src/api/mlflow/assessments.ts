import { z } from 'zod'
import { GyreError } from '../../core/errors.ts'
import type { AssessmentChange } from '../../traces/assessments.ts'
import { AssessmentIn, assessmentOut, AssessmentPart } from './assessment-wire.ts'
import { defineMlflow, type Call, type MlflowRoute } from './route.ts'
import { Required } from './wire.ts'

const PATH = '/mlflow/traces/{trace_id}/assessments'

function traceOf({ params }: Call): string {
  return params['trace_id'] ?? ''
}

function assessmentOf({ params }: Call): string {
  return params['assessment_id'] ?? ''
}

const create = defineMlflow({
  method: 'POST',
  path: PATH,
  versions: ['3.0'],
  summary: 'Say something of a trace: feedback, what was expected, a known issue',
  scope: 'write',
  plainNumbers: true,
  input: z.object({ assessment: AssessmentIn }),
  async handle({ traces }, ctx, { assessment }, call) {
    const made = await traces.assessments.create(ctx, traceOf(call), assessment)
    return { assessment: assessmentOut(made) }
  },
})

const get = defineMlflow({
  method: 'GET',
  path: `${PATH}/{assessment_id}`,
  versions: ['3.0'],
  summary: 'What was said of a trace',
  scope: 'read',
  input: z.object({}),
  async handle({ traces }, ctx, _input, call) {
    const found = await traces.assessments.get(ctx, traceOf(call), assessmentOf(call))
    return { assessment: assessmentOut(found) }
  },
})

const update = defineMlflow({
  method: 'PATCH',
  path: `${PATH}/{assessment_id}`,
  versions: ['3.0'],
  summary: 'Change what was said of a trace',
  scope: 'write',
  plainNumbers: true,
  input: z.object({ assessment: AssessmentPart, update_mask: Required }),
  async handle({ traces }, ctx, { assessment, update_mask }, call) {
    const change = changeOf(assessment, update_mask)
    const changed = await traces.assessments.update(ctx, traceOf(call), assessmentOf(call), change)
    return { assessment: assessmentOut(changed) }
  },
})

/** What a FieldMask, names in either spelling behind commas, picks of an assessment. */
function changeOf(given: z.output<typeof AssessmentPart>, mask: string): AssessmentChange {
  const change: { -readonly [K in keyof AssessmentChange]: AssessmentChange[K] } = {}
  for (const path of mask.split(','))
    switch (path) {
      case 'assessmentName':
      case 'assessment_name':
        change.name = given.assessment_name
        break
      case 'rationale':
        change.rationale = given.rationale ?? ''
        break
      case 'metadata':
        change.metadata = given.metadata
        break
      case 'feedback':
      case 'expectation':
        change.judgement = given.judgements.find(({ kind }) => kind === path)
        if (!change.judgement) throw refuse('assessment', `has no ${path}`)
        break
      default:
        throw refuse('update_mask', `${path} cannot be changed`)
    }
  return change
}

function refuse(field: string, why: string): GyreError {
  return new GyreError('INVALID_ARGUMENT', `${field}: ${why}`, { field })
}

const remove = defineMlflow({
  method: 'DELETE',
  path: `${PATH}/{assessment_id}`,
  versions: ['3.0'],
  summary: 'Take back what was said of a trace',
  scope: 'write',
  input: z.object({}),
  async handle({ traces }, ctx, _input, call) {
    await traces.assessments.remove(ctx, traceOf(call), assessmentOf(call))
    return {}
  },
})

export const assessmentRoutes: readonly MlflowRoute[] = [create, get, update, remove]
