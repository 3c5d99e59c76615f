import type { IncomingMessage } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { GcReport, GcRequest } from '@gyre/sdk/wire/upkeep'
import { GyreError } from '../../core/errors.ts'
import { defineRoute, defineStream } from '../route.ts'

export const backup = defineStream({
  method: 'POST',
  path: '/api/v1/backup',
  summary:
    'The whole data folder as of one commit, as an archive whose last member proves it whole',
  scope: 'admin',
  errors: ['INVALID_ARGUMENT', 'CONFLICT', 'DAMAGED', 'DISK_FULL'],
  async handle({ upkeep }, ctx, { request, response, signal }) {
    assertNoBody(request)
    const archive = await upkeep.backup(ctx)
    response.writeHead(200, { 'content-type': 'application/x-tar', 'cache-control': 'no-store' })
    await pipeline(archive, response, { signal })
  },
})

function assertNoBody({ headers }: IncomingMessage): void {
  if ((headers['content-length'] ?? '0') === '0' && headers['transfer-encoding'] === undefined)
    return
  throw new GyreError('INVALID_ARGUMENT', 'body: expected none', { field: 'body' })
}

export const gc = defineRoute({
  method: 'POST',
  path: '/api/v1/gc',
  summary: 'What of the bytes nothing needs; frees it when asked to',
  scope: 'admin',
  body: GcRequest,
  reply: GcReport,
  errors: ['INVALID_ARGUMENT', 'CONFLICT', 'DAMAGED'],
  handle: ({ upkeep }, ctx, { body }) => upkeep.gc(ctx, body),
})
