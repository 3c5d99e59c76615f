import { ApplyReply, ApplyRequest, Manifest } from '@gyre/sdk/wire/manifest'
import { z } from 'zod'
import { defineRoute } from '../route.ts'

export const applyProject = defineRoute({
  method: 'POST',
  path: '/api/v1/project/apply',
  summary:
    "Bring a project's definitions and code in as its next version, or show what would change",
  scope: 'write',
  query: z.strictObject({ plan: z.enum(['true', 'false']).default('false') }),
  body: ApplyRequest,
  reply: ApplyReply,
  errors: ['INVALID_ARGUMENT', 'NOT_FOUND'],
  handle: ({ projects }, ctx, { body, query }) =>
    projects.apply(ctx, body, { dryRun: query.plan === 'true' }),
})

export const showProject = defineRoute({
  method: 'GET',
  path: '/api/v1/project',
  summary: 'The applied definitions',
  scope: 'read',
  reply: z.strictObject({ ref: z.string(), manifest: Manifest }),
  errors: ['NOT_FOUND'],
  async handle({ projects }, ctx) {
    const { ref, manifest } = await projects.current(ctx)
    return { ref, manifest }
  },
})
