import { CreateKey, CreatedKey, Key } from '@gyre/sdk/wire/key'
import { z } from 'zod'
import { defineRoute } from '../route.ts'

export const createKey = defineRoute({
  method: 'POST',
  path: '/api/v1/keys',
  summary: 'Make a key; its secret is shown this once',
  scope: 'admin',
  body: CreateKey,
  reply: CreatedKey,
  status: 201,
  errors: ['INVALID_ARGUMENT', 'ALREADY_EXISTS'],
  handle: ({ access }, ctx, { body }) => access.createKey(ctx, body),
})

export const listKeys = defineRoute({
  method: 'GET',
  path: '/api/v1/keys',
  summary: 'Keys of the project, live and revoked',
  scope: 'admin',
  reply: z.strictObject({ keys: z.array(Key) }),
  errors: [],
  handle: async ({ access }, ctx) => ({ keys: [...(await access.listKeys(ctx))] }),
})

export const revokeKey = defineRoute({
  method: 'DELETE',
  path: '/api/v1/keys/:key',
  summary: 'Revoke a key by name or id; it stops working at once',
  scope: 'admin',
  params: z.strictObject({ key: z.string().min(1) }),
  reply: Key,
  errors: ['NOT_FOUND'],
  handle: ({ access }, ctx, { params }) => access.revokeKey(ctx, params.key),
})
