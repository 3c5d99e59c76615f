import { DeclareEndpoint, EndpointSpec } from '@gyre/sdk/wire/endpoint'
import { Name } from '@gyre/sdk/wire/ref'
import { OpenRelease, Release, ReleaseStatus, RouteState } from '@gyre/sdk/wire/release'
import { z } from 'zod'
import { GyreError } from '../../core/errors.ts'
import { defineRoute } from '../route.ts'

const EndpointParams = z.strictObject({ endpoint: Name })
/** An act needs no words, and no body. */
const Why = z.strictObject({ why: z.exactOptional(z.string().min(1).max(4096)) }).default({})
const Reason = z.strictObject({ reason: z.string().min(1).max(1024).default('asked for') })

export const listEndpoints = defineRoute({
  method: 'GET',
  path: '/api/v1/endpoints',
  summary: 'Endpoints and what answers for each',
  scope: 'read',
  reply: z.strictObject({
    endpoints: z.array(z.strictObject({ spec: EndpointSpec, route: RouteState })),
  }),
  errors: [],
  async handle({ routes }, ctx) {
    const endpoints = routes
      .list(ctx.project)
      .map(async ({ spec }) => ({ spec, route: await routes.get(ctx, spec.name) }))
    return { endpoints: await Promise.all(endpoints) }
  },
})

export const declareEndpoint = defineRoute({
  method: 'POST',
  path: '/api/v1/endpoints',
  summary:
    'Declare an endpoint that takes the tensors of a model; again with the same words changes nothing',
  scope: 'write',
  body: DeclareEndpoint,
  reply: EndpointSpec,
  status: 201,
  errors: ['CONFLICT'],
  handle: ({ routes }, ctx, { body }) =>
    routes.declareAlone(ctx, EndpointSpec.parse({ ...body, takes: 'tensors', input: {} })),
})

export const openRelease = defineRoute({
  method: 'POST',
  path: '/api/v1/endpoints/:endpoint/releases',
  summary: 'Bring a version to an endpoint, at once or as a canary',
  scope: 'release',
  params: EndpointParams,
  body: OpenRelease,
  reply: Release,
  status: 201,
  errors: ['NOT_FOUND', 'GATE_REFUSED', 'APPROVAL_MISSING', 'CONFLICT', 'INVALID_INPUT'],
  handle: ({ releases }, ctx, { params, body }) => releases.open(ctx, params.endpoint, body),
})

export const listReleases = defineRoute({
  method: 'GET',
  path: '/api/v1/releases',
  summary: 'Releases, newest first',
  scope: 'read',
  query: z.strictObject({ endpoint: z.exactOptional(Name) }),
  reply: z.strictObject({ releases: z.array(Release) }),
  errors: [],
  handle: async ({ releases }, ctx, { query }) => ({
    releases: [...(await releases.list(ctx, query.endpoint))],
  }),
})

export const releaseStatus = defineRoute({
  method: 'GET',
  path: '/api/v1/endpoints/:endpoint/release',
  summary: 'The open release, else the newest, and what each of its stages has shown',
  scope: 'read',
  params: EndpointParams,
  reply: ReleaseStatus,
  errors: ['NOT_FOUND'],
  handle: ({ releases }, ctx, { params }) => releases.status(ctx, params.endpoint),
})

const STEERED = {
  method: 'POST',
  scope: 'release',
  params: EndpointParams,
  body: Why,
  reply: Release,
  errors: ['NOT_FOUND', 'CONFLICT', 'GATE_REFUSED', 'APPROVAL_MISSING'],
} as const

export const promoteCanary = defineRoute({
  ...STEERED,
  path: '/api/v1/endpoints/:endpoint/promote',
  summary: 'Give an open canary all traffic',
  handle: ({ releases }, ctx, { params, body }) => releases.promote(ctx, params.endpoint, body.why),
})

export const advanceRelease = defineRoute({
  ...STEERED,
  path: '/api/v1/endpoints/:endpoint/advance',
  summary: 'Let an open canary go on to its next stage without waiting for proof',
  handle: ({ releases }, ctx, { params, body }) => releases.advance(ctx, params.endpoint, body.why),
})

export const approveRelease = defineRoute({
  ...STEERED,
  path: '/api/v1/endpoints/:endpoint/approve',
  summary: 'Let an open canary go on whose stage has passed and waits for a person',
  handle: ({ releases }, ctx, { params, body }) => releases.approve(ctx, params.endpoint, body.why),
})

export const abortRelease = defineRoute({
  method: 'POST',
  path: '/api/v1/endpoints/:endpoint/abort',
  summary: 'Take the open release back',
  scope: 'release',
  params: EndpointParams,
  body: Reason,
  reply: Release,
  errors: ['NOT_FOUND', 'CONFLICT', 'DISK_FULL'],
  handle: ({ releases }, ctx, { params, body }) =>
    releases.abort(ctx, params.endpoint, body.reason),
})

export const rollback = defineRoute({
  method: 'POST',
  path: '/api/v1/endpoints/:endpoint/rollback',
  summary: 'Take an open canary back, else return to the version before',
  scope: 'release',
  params: EndpointParams,
  body: Reason,
  reply: Release,
  errors: ['NOT_FOUND', 'CONFLICT', 'DISK_FULL'],
  handle: ({ releases }, ctx, { params, body }) =>
    releases.rollback(ctx, params.endpoint, body.reason),
})

export const analyseCanary = defineRoute({
  method: 'POST',
  path: '/api/v1/endpoints/:endpoint/analyse',
  summary: 'Judge the open canary now, and act on the verdict',
  scope: 'release',
  params: EndpointParams,
  reply: Release,
  errors: ['NOT_FOUND', 'CONFLICT'],
  async handle({ releases }, ctx, { params }) {
    const release = await releases.analyse(ctx, params.endpoint)
    if (!release) throw new GyreError('CONFLICT', `endpoint ${params.endpoint} has no open canary`)
    return release
  },
})
