import { ApplyReply, ApplyRequest, CodeVersion, Manifest } from '@gyre/sdk/wire/manifest'
import { z } from 'zod'
import { formatRef } from '../../core/ref.ts'
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

export const showCodeVersion = defineRoute({
  method: 'GET',
  path: '/api/v1/project/code/:name/versions/:version',
  summary: 'A version of the code: its commit, and what no commit had of it',
  scope: 'read',
  params: z.strictObject({ name: z.string().min(1), version: z.coerce.number().int().min(1) }),
  reply: CodeVersion,
  errors: ['INVALID_ARGUMENT', 'NOT_FOUND'],
  async handle({ projects }, ctx, { params: { name, version } }) {
    const of = formatRef({ kind: 'code', name, version: String(version) })
    const { ref, bundleDigest, source, uncommitted, appliedAt, actor } = await projects.version(
      ctx,
      of,
    )
    return { ref, bundle: bundleDigest, source, uncommitted: uncommitted ?? null, appliedAt, actor }
  },
})
