import {
  MaterializeReply,
  MaterializeRequest,
  OnlineFeaturesReply,
  OnlineFeaturesRequest,
} from '@gyre/sdk/wire/feature'
import { defineRoute } from '../route.ts'

export const materialize = defineRoute({
  method: 'POST',
  path: '/api/v1/features/materialize',
  summary: 'Make feature rows up to an instant readable online',
  scope: 'write',
  body: MaterializeRequest,
  reply: MaterializeReply,
  errors: ['NOT_FOUND', 'INVALID_ARGUMENT'],
  handle: ({ features }, ctx, { body }) => features.materialize(ctx, body),
})

export const onlineFeatures = defineRoute({
  method: 'POST',
  path: '/api/v1/features/online',
  summary: 'Feature values of entities, as of an instant',
  scope: 'read',
  body: OnlineFeaturesRequest,
  reply: OnlineFeaturesReply,
  errors: ['NOT_FOUND', 'INVALID_ARGUMENT'],
  handle: ({ features }, ctx, { body }) => features.online(ctx, body),
})
