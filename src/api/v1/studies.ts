import { Name } from '@gyre/sdk/wire/ref'
import {
  Asked,
  Study,
  StudySpec,
  StudySummary,
  Trial,
  TrialEnd,
  TrialHeartbeat,
  TrialReport,
} from '@gyre/sdk/wire/study'
import { z } from 'zod'
import { defineRoute } from '../route.ts'

const OfStudy = z.strictObject({ study: Name })
const OfTrial = z.strictObject({ study: Name, trial: z.coerce.number().int().min(0) })

export const createStudy = defineRoute({
  method: 'POST',
  path: '/api/v1/studies',
  summary: 'Begin a search for the best parameters, or go on with the same one',
  scope: 'write',
  body: StudySpec,
  reply: Study,
  errors: ['INVALID_ARGUMENT', 'ALREADY_EXISTS', 'CONFLICT'],
  handle: ({ studies }, ctx, { body }) => studies.create(ctx, body),
})

export const listStudies = defineRoute({
  method: 'GET',
  path: '/api/v1/studies',
  summary: 'Searches, newest first',
  scope: 'read',
  reply: z.strictObject({ studies: z.array(StudySummary) }),
  errors: [],
  handle: async ({ studies }, ctx) => ({ studies: [...(await studies.list(ctx))] }),
})

export const showStudy = defineRoute({
  method: 'GET',
  path: '/api/v1/studies/:study',
  summary: 'A search with its best trial, and how much each parameter matters',
  scope: 'read',
  params: OfStudy,
  reply: Study,
  errors: ['NOT_FOUND'],
  handle: ({ studies }, ctx, { params }) => studies.get(ctx, params.study),
})

export const listTrials = defineRoute({
  method: 'GET',
  path: '/api/v1/studies/:study/trials',
  summary: 'The trials of a search, in the order of their starts',
  scope: 'read',
  params: OfStudy,
  reply: z.strictObject({ trials: z.array(Trial) }),
  errors: ['NOT_FOUND'],
  handle: async ({ studies }, ctx, { params }) => ({
    trials: [...(await studies.trials(ctx, params.study))],
  }),
})

export const removeStudy = defineRoute({
  method: 'DELETE',
  path: '/api/v1/studies/:study',
  summary: 'Take a search out, so that its name is free; the runs of its trials stay',
  scope: 'write',
  params: OfStudy,
  reply: z.strictObject({ trials: z.int() }),
  errors: ['NOT_FOUND', 'CONFLICT'],
  handle: ({ studies }, ctx, { params }) => studies.remove(ctx, params.study),
})

export const askTrial = defineRoute({
  method: 'POST',
  path: '/api/v1/studies/:study/ask',
  summary: 'What to do next: a trial with its parameters, to wait, or nothing more',
  scope: 'write',
  params: OfStudy,
  reply: Asked,
  errors: ['NOT_FOUND', 'CONFLICT'],
  handle: ({ studies }, ctx, { params }) => studies.ask(ctx, params.study),
})

export const trialHeartbeat = defineRoute({
  method: 'POST',
  path: '/api/v1/studies/:study/trials/:trial/heartbeat',
  summary: 'Keep a trial: one whose worker is silent is lost',
  scope: 'write',
  params: OfTrial,
  body: TrialHeartbeat,
  reply: z.strictObject({}),
  errors: ['NOT_FOUND', 'FENCED'],
  async handle({ studies }, ctx, { params, body }) {
    await studies.heartbeat(ctx, params.study, params.trial, body.fence)
    return {}
  },
})

export const trialReport = defineRoute({
  method: 'POST',
  path: '/api/v1/studies/:study/trials/:trial/report',
  summary: "A trial's value at a step; answers whether the trial should end as pruned",
  scope: 'write',
  params: OfTrial,
  body: TrialReport,
  reply: z.strictObject({ stop: z.boolean() }),
  errors: ['NOT_FOUND', 'FENCED', 'INVALID_ARGUMENT'],
  handle: async ({ studies }, ctx, { params, body }) => ({
    stop: await studies.report(ctx, params.study, params.trial, body),
  }),
})

export const tellTrial = defineRoute({
  method: 'POST',
  path: '/api/v1/studies/:study/trials/:trial/tell',
  summary: 'How a trial ended; saying the same again changes nothing',
  scope: 'write',
  params: OfTrial,
  body: TrialEnd,
  reply: Trial,
  errors: ['NOT_FOUND', 'FENCED', 'INVALID_ARGUMENT'],
  handle: ({ studies }, ctx, { params, body }) =>
    studies.tell(ctx, params.study, params.trial, body),
})
