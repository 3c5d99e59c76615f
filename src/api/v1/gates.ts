import { EvaluationSet, Verdict } from '@gyre/sdk/wire/gate'
import { ModelName, Name } from '@gyre/sdk/wire/ref'
import { z } from 'zod'
import { formatRef } from '../../core/ref.ts'
import { defineRoute } from '../route.ts'

export const listVerdicts = defineRoute({
  method: 'GET',
  path: '/api/v1/models/:name/versions/:version/verdicts',
  summary: 'The newest verdict of each gate that judged the files of a version, oldest first',
  scope: 'read',
  params: z.strictObject({ name: ModelName, version: z.string().min(1) }),
  reply: z.strictObject({ verdicts: z.array(Verdict) }),
  errors: ['NOT_FOUND'],
  async handle({ registry, evaluate }, ctx, { params: { name, version } }) {
    const { digest } = await registry.get(ctx, formatRef({ kind: 'model', name, version }))
    return { verdicts: [...(await evaluate.verdicts(ctx, digest))] }
  },
})

export const listEvaluationSets = defineRoute({
  method: 'GET',
  path: '/api/v1/evaluation-sets',
  summary: 'What gates have judged on, newest first: versions that never change',
  scope: 'read',
  query: z.strictObject({ gate: z.exactOptional(Name) }),
  reply: z.strictObject({ sets: z.array(EvaluationSet) }),
  errors: [],
  handle: async ({ evaluate }, ctx, { query }) => ({
    sets: [...(await evaluate.evaluationSets(ctx, query.gate))],
  }),
})
