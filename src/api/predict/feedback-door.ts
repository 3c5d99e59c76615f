import { FeedbackReply, FeedbackRequest, type FeedbackItem } from '@gyre/sdk/wire/predict'
import { GyreError } from '../../core/errors.ts'
import { issueText } from '@gyre/sdk/wire/issue-text'
import type { Predictions } from '../../predictions/predictions.ts'
import { defineRawRoute, type RawDoor } from '../raw-door.ts'
import { readJson } from '../body.ts'
import { endWithJson, expectMethod } from '../raw-reply.ts'

export interface FeedbackDoorDeps {
  readonly predictions: Pick<Predictions, 'feedback'>
  readonly maxBodyBytes: number
}

/** `POST /feedback` with one label or `{ items }`; answered when they are on the disk. */
export function feedbackDoor({ predictions, maxBodyBytes }: FeedbackDoorDeps): RawDoor {
  return defineRawRoute({
    scope: 'feedback',
    described: [
      {
        method: 'POST',
        path: '/feedback',
        scope: 'feedback',
        summary: 'The true label of a prediction, or of many',
        body: FeedbackRequest,
        reply: FeedbackReply,
        errors: ['INVALID_INPUT', 'TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE', 'DISK_FULL'],
      },
    ],
    matches: (path) => path === '/feedback',
    async handle(request, response, ctx) {
      expectMethod(request, response, 'POST')
      const items = readItems(await readJson(request, response, maxBodyBytes))
      const accepted = await predictions.feedback(ctx, items)
      endWithJson(response, `{"accepted":${accepted}}`)
    },
  })
}

const [One, Many] = FeedbackRequest.options

/** By the shape that was meant: a union's own message would name no field. Throws INVALID_INPUT. */
function readItems(body: unknown): readonly FeedbackItem[] {
  const isMany = typeof body === 'object' && body !== null && 'items' in body
  const parsed = (isMany ? Many : One).safeParse(body, { error: issueText })
  if (!parsed.success) throw invalidItems(parsed.error.issues)
  return 'items' in parsed.data ? parsed.data.items : [parsed.data]
}

function invalidItems(issues: readonly { path: PropertyKey[]; message: string }[]): GyreError {
  const errors = issues.map(({ path, message }) => ({ field: path.join('.') || 'body', message }))
  const [first] = errors
  return new GyreError('INVALID_INPUT', `${first?.field}: ${first?.message}`, {
    field: first?.field,
    errors,
  })
}
