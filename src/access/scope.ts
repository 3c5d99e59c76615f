import type { Role } from '@gyre/sdk/wire/key'

/** What a route asks of its caller. `public` routes answer anybody; `store` puts bytes into the blob store. */
export const SCOPES = [
  'public',
  'read',
  'predict',
  'feedback',
  'store',
  'write',
  'step',
  'approve',
  'release',
  'admin',
] as const
export type Scope = (typeof SCOPES)[number]

const GRANTS: Readonly<Record<Role | 'step', readonly Scope[]>> = {
  viewer: ['public', 'read', 'predict'],
  member: ['public', 'read', 'predict', 'feedback', 'store', 'write'],
  approver: ['public', 'read', 'predict', 'feedback', 'store', 'write', 'approve', 'release'],
  admin: [...SCOPES],
  /** A step's own process: it may read, store bytes and report on itself. */
  step: ['public', 'read', 'store', 'step'],
}

export type Grant = keyof typeof GRANTS

export function allows(grant: Grant, scope: Scope): boolean {
  return GRANTS[grant].includes(scope)
}
