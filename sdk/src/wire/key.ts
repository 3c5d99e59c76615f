import { z } from 'zod'
import { Name } from './ref.ts'

/** From least to most: each role may do what the ones before it may. */
export const Role = z.enum(['viewer', 'member', 'approver', 'admin'])
export type Role = z.infer<typeof Role>

export const CreateKey = z.strictObject({ name: Name, role: Role })
export type CreateKey = z.infer<typeof CreateKey>

export const Key = z.strictObject({
  id: z.string(),
  project: z.string(),
  name: z.string(),
  role: Role,
  createdAt: z.string(),
  createdBy: z.string(),
  revokedAt: z.string().nullable(),
})
export type Key = z.infer<typeof Key>

/** The only moment at which the secret is seen. */
export const CreatedKey = z.strictObject({ ...Key.shape, secret: z.string() })
export type CreatedKey = z.infer<typeof CreatedKey>
