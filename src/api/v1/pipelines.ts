import { PipelineRun } from '@gyre/sdk/wire/pipeline'
import { Name } from '@gyre/sdk/wire/ref'
import { RunDifference } from '@gyre/sdk/wire/run'
import {
  ResumePipeline,
  ItemExchange,
  ItemExchangeReply,
  StartPipeline,
  StepCheckpoint,
  StepFacts,
  StepHeartbeat,
  StepItem,
  StepItems,
  StepMetrics,
  StepReport,
  StepWhy,
  StepWork,
} from '@gyre/sdk/wire/step'
import { z } from 'zod'
import { defineRoute } from '../route.ts'

const Nothing = z.strictObject({})
const StepParams = z.strictObject({ run: z.string().min(1), step: Name })

export const startPipeline = defineRoute({
  method: 'POST',
  path: '/api/v1/pipelines/:name/runs',
  summary: 'Start a pipeline; answers at once',
  scope: 'write',
  params: z.strictObject({ name: Name }),
  body: StartPipeline,
  reply: PipelineRun,
  status: 202,
  errors: ['NOT_FOUND', 'INVALID_ARGUMENT'],
  handle: ({ pipelines }, ctx, { params: { name }, body: { params, trial } }) =>
    trial === undefined
      ? pipelines.start(ctx, name, params)
      : pipelines.startTrial(ctx, name, params, trial),
})

export const listPipelineRuns = defineRoute({
  method: 'GET',
  path: '/api/v1/pipeline-runs',
  summary: 'Pipeline runs, newest first; those with a step, and without repetitions, where asked',
  scope: 'read',
  query: z.strictObject({
    limit: z.coerce.number().int().min(1).max(200).default(20),
    step: z.exactOptional(z.string()),
    repetitions: z.enum(['true', 'false']).default('true'),
  }),
  reply: z.strictObject({ runs: z.array(PipelineRun) }),
  errors: [],
  handle: async ({ pipelines }, ctx, { query: { limit, repetitions, ...filter } }) => ({
    runs: [
      ...(await pipelines.list(ctx, limit, { ...filter, repetitions: repetitions === 'true' })),
    ],
  }),
})

export const showPipelineRun = defineRoute({
  method: 'GET',
  path: '/api/v1/pipeline-runs/:run',
  summary: 'A pipeline run with its steps; `wait=true` answers once it has ended',
  scope: 'read',
  params: z.strictObject({ run: z.string().min(1) }),
  query: z.strictObject({ wait: z.enum(['true', 'false']).default('false') }),
  reply: PipelineRun,
  errors: ['NOT_FOUND'],
  handle: ({ pipelines }, ctx, { params, query }) =>
    query.wait === 'true' ? pipelines.ended(ctx, params.run) : pipelines.get(ctx, params.run),
})

const RunParam = z.strictObject({ run: z.string().min(1) })

export const repeatRun = defineRoute({
  method: 'POST',
  path: '/api/v1/pipeline-runs/:run/repeat',
  summary: 'Execute a run of a pipeline again on what it was made from; answers at once',
  scope: 'write',
  params: RunParam,
  reply: PipelineRun,
  status: 202,
  errors: ['NOT_FOUND', 'CONFLICT'],
  handle: ({ pipelines }, ctx, { params }) => pipelines.repeat(ctx, params.run),
})

export const resumeRun = defineRoute({
  method: 'POST',
  path: '/api/v1/pipeline-runs/:run/resume',
  summary:
    'Execute an ended run from a step on, as a new run with the code that is applied now; answers at once',
  scope: 'write',
  params: RunParam,
  body: ResumePipeline,
  reply: PipelineRun,
  status: 202,
  errors: ['NOT_FOUND', 'CONFLICT', 'INVALID_ARGUMENT'],
  handle: ({ pipelines }, ctx, { params, body }) => pipelines.resumeFrom(ctx, params.run, body),
})

export const cancelRun = defineRoute({
  method: 'POST',
  path: '/api/v1/pipeline-runs/:run/cancel',
  summary:
    'End a pipeline run; answers at once. `cancelled` says by whom, and `status` once its processes have ended',
  scope: 'write',
  params: RunParam,
  reply: PipelineRun,
  status: 202,
  errors: ['NOT_FOUND', 'CONFLICT'],
  handle: ({ pipelines }, ctx, { params }) => pipelines.cancel(ctx, params.run),
})

export const runDifference = defineRoute({
  method: 'GET',
  path: '/api/v1/pipeline-runs/:run/difference',
  summary: 'What differs between a repetition and the run that it repeats',
  scope: 'read',
  params: RunParam,
  reply: RunDifference,
  errors: ['NOT_FOUND', 'CONFLICT'],
  handle: ({ pipelines }, ctx, { params }) => pipelines.difference(ctx, params.run),
})

export const stepWhy = defineRoute({
  method: 'GET',
  path: '/api/v1/pipeline-runs/:run/steps/:step/why',
  summary: 'Why a step ran, or was not needed to: the parts of its cache key that changed',
  scope: 'read',
  params: StepParams,
  query: z.strictObject({ item: z.exactOptional(z.coerce.number().int().min(0)) }),
  reply: StepWhy,
  errors: ['NOT_FOUND'],
  handle: ({ pipelines }, ctx, { params, query }) =>
    pipelines.why(ctx, params.run, params.step, query.item),
})

export const listStepItems = defineRoute({
  method: 'GET',
  path: '/api/v1/pipeline-runs/:run/steps/:step/items',
  summary: 'The items of a step that is done for each of a list, in its order',
  scope: 'read',
  params: StepParams,
  query: z.strictObject({
    state: z.exactOptional(StepItem.shape.state),
    after: z.exactOptional(z.coerce.number().int().min(0)),
    limit: z.coerce.number().int().min(1).max(1_000).default(100),
  }),
  reply: StepItems,
  errors: ['NOT_FOUND'],
  handle: ({ pipelines }, ctx, { params, query }) =>
    pipelines.items(ctx, params.run, params.step, query),
})

export const stepWork = defineRoute({
  method: 'GET',
  path: '/api/v1/steps/:run/:step/work',
  summary: "What a step's process has to do",
  scope: 'step',
  params: StepParams,
  reply: StepWork,
  errors: ['NOT_FOUND'],
  handle: ({ pipelines }, ctx, { params }) =>
    pipelines.work(ctx, { pipelineRunId: params.run, step: params.step }),
})

export const stepHeartbeat = defineRoute({
  method: 'POST',
  path: '/api/v1/steps/:run/:step/heartbeat',
  summary: "Keep a step's lease",
  scope: 'step',
  params: StepParams,
  body: StepHeartbeat,
  reply: Nothing,
  errors: ['NOT_FOUND', 'FENCED'],
  async handle({ pipelines }, ctx, { params, body }) {
    await pipelines.heartbeat(ctx, {
      pipelineRunId: params.run,
      step: params.step,
      fence: body.fence,
    })
    return {}
  },
})

export const stepFacts = defineRoute({
  method: 'POST',
  path: '/api/v1/steps/:run/:step/facts',
  summary: "What a step's process runs on",
  scope: 'step',
  params: StepParams,
  body: StepFacts,
  reply: Nothing,
  errors: ['NOT_FOUND', 'FENCED', 'INVALID_ARGUMENT'],
  async handle({ pipelines }, ctx, { params, body }) {
    const key = { pipelineRunId: params.run, step: params.step, fence: body.fence }
    await pipelines.facts(ctx, key, body.environment)
    return {}
  },
})

export const stepMetrics = defineRoute({
  method: 'POST',
  path: '/api/v1/steps/:run/:step/metrics',
  summary: "Metric points of a step's run",
  scope: 'step',
  params: StepParams,
  body: StepMetrics,
  reply: Nothing,
  errors: ['NOT_FOUND', 'FENCED', 'INVALID_ARGUMENT'],
  async handle({ pipelines }, ctx, { params, body }) {
    const key = { pipelineRunId: params.run, step: params.step, fence: body.fence }
    await pipelines.metrics(ctx, key, body.points)
    return {}
  },
})

export const stepCheckpoint = defineRoute({
  method: 'POST',
  path: '/api/v1/steps/:run/:step/checkpoint',
  summary: 'What the next attempt at a step goes on from; takes the place of the one before',
  scope: 'step',
  params: StepParams,
  body: StepCheckpoint,
  reply: Nothing,
  errors: ['NOT_FOUND', 'FENCED', 'INVALID_ARGUMENT'],
  async handle({ pipelines }, ctx, { params, body: { fence, ...checkpoint } }) {
    const key = { pipelineRunId: params.run, step: params.step, fence }
    await pipelines.checkpoint(ctx, key, checkpoint)
    return {}
  },
})

export const stepReport = defineRoute({
  method: 'POST',
  path: '/api/v1/steps/:run/:step/report',
  summary: 'How a step ended; a report from an attempt that was fenced off is refused',
  scope: 'step',
  params: StepParams,
  body: StepReport,
  reply: Nothing,
  errors: ['NOT_FOUND', 'FENCED', 'INVALID_ARGUMENT'],
  async handle({ pipelines }, ctx, { params, body }) {
    await pipelines.report(ctx, { pipelineRunId: params.run, step: params.step }, body)
    return {}
  },
})

export const exchangeItems = defineRoute({
  method: 'POST',
  path: '/api/v1/steps/:run/:step/items',
  summary:
    "Hand in items of a step that are done, and take more; refused once they are another attempt's",
  scope: 'step',
  params: StepParams,
  body: ItemExchange,
  reply: ItemExchangeReply,
  errors: ['NOT_FOUND', 'FENCED', 'INVALID_ARGUMENT'],
  handle: async ({ pipelines }, ctx, { params, body }) => ({
    items: [
      ...(await pipelines.exchange(ctx, { pipelineRunId: params.run, step: params.step }, body)),
    ],
  }),
})
