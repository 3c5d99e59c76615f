import { z } from 'zod'
import { defineRawRoute, type RawDoor } from '../raw-door.ts'
import { endWithJson, expectMethod } from '../raw-reply.ts'

/** `GET /health`: the process answers. Never waits for anything. */
export function healthDoor(): RawDoor {
  return defineRawRoute({
    scope: 'public',
    described: [
      {
        method: 'GET',
        path: '/health',
        scope: 'public',
        summary: 'Whether the process answers',
        reply: z.strictObject({ status: z.literal('healthy') }),
        errors: ['METHOD_NOT_ALLOWED'],
      },
    ],
    matches: (path) => path === '/health',
    async handle(request, response) {
      expectMethod(request, response, 'GET')
      endWithJson(response, '{"status":"healthy"}')
    },
  })
}
