import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { Name } from '@gyre/sdk/wire/ref'
import { z } from 'zod'
import { parsePart } from '../parse.ts'
import { defineRoute, defineStream } from '../route.ts'

const EndpointParams = z.strictObject({ endpoint: Name })
const Count = z.number().int()

export const exportPredictions = defineStream({
  method: 'GET',
  path: '/api/v1/endpoints/:endpoint/predictions.parquet',
  summary: 'One row per prediction, with the label that came back, as Parquet',
  scope: 'read',
  errors: ['NOT_FOUND'],
  async handle({ predictions }, ctx, { params, response }) {
    const { endpoint } = parsePart(EndpointParams, params, 'params')
    const file = await predictions.exportParquet(ctx, endpoint)
    try {
      response.writeHead(200, { 'content-type': 'application/vnd.apache.parquet' })
      await pipeline(createReadStream(file.path), response)
    } finally {
      await file.remove()
    }
  },
})

export const countPredictions = defineRoute({
  method: 'GET',
  path: '/api/v1/endpoints/:endpoint/counts',
  summary: 'How much an endpoint has answered, and how many labels came back',
  scope: 'read',
  params: EndpointParams,
  reply: z.strictObject({
    predictions: Count,
    errors: Count,
    quarantined: Count,
    feedback: Count,
    orphans: Count,
    dropped: Count,
  }),
  errors: ['NOT_FOUND'],
  handle: ({ predictions }, ctx, { params }) => predictions.counts(ctx, params.endpoint),
})
