import { pipeline } from 'node:stream/promises'
import { DigestText } from '@gyre/sdk/wire/ref'
import { Artifact } from '@gyre/sdk/wire/artifact'
import { z } from 'zod'
import { announcedBytes } from '../body-stream.ts'
import { parsePart } from '../parse.ts'
import { defineRoute, defineStream } from '../route.ts'

const Params = z.strictObject({ digest: DigestText })

/** The largest single upload, 8 GiB: a bound on what one request may write. */
const MAX_BLOB_BYTES = 8 * 1024 ** 3

export const blobPresent = defineRoute({
  method: 'GET',
  path: '/api/v1/blobs/:digest/present',
  summary: 'Whether bytes of this digest are stored',
  scope: 'read',
  params: Params,
  reply: z.strictObject({ present: z.boolean() }),
  errors: ['INVALID_ARGUMENT'],
  handle: async ({ blobs }, _ctx, { params }) => ({ present: await blobs.has(params.digest) }),
})

export const putBlob = defineStream({
  method: 'PUT',
  path: '/api/v1/blobs/:digest',
  summary: 'Store bytes under their SHA-256',
  scope: 'store',
  errors: ['INVALID_ARGUMENT', 'TOO_LARGE', 'DISK_FULL'],
  async handle({ blobs }, _ctx, { params, request, response }) {
    const { digest } = parsePart(Params, params, 'params')
    const artifact = await blobs.put(request, {
      expected: digest,
      maxBytes: MAX_BLOB_BYTES,
      announcedBytes: announcedBytes(request),
    })
    response.writeHead(201, { 'content-type': 'application/json' })
    response.end(JSON.stringify(Artifact.parse(artifact)))
  },
})

export const getBlob = defineStream({
  method: 'GET',
  path: '/api/v1/blobs/:digest',
  summary: 'The bytes of a digest',
  scope: 'read',
  errors: ['NOT_FOUND', 'INVALID_ARGUMENT'],
  async handle({ blobs }, _ctx, { params, response }) {
    const bytes = await blobs.get(parsePart(Params, params, 'params').digest)
    response.writeHead(200, { 'content-type': 'application/octet-stream' })
    await pipeline(bytes, response)
  },
})
