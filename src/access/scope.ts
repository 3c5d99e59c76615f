import type { Role } from '@gyre/sdk/wire/key'

/** What a route asks of its caller. `public` routes answer anybody. */
export type Scope =
  | 'public'
  | 'read'
  | 'predict'
  | 'feedback'
  | 'write'
  | 'step'
  | 'approve'
  | 'release'
  | 'admin'

const GRANTS: Readonly<Record<Role | 'step', readonly Scope[]>> = {
  viewer: ['public', 'read', 'predict'],
  member: ['public', 'read', 'predict', 'feedback', 'write'],
  approver: ['public', 'read', 'predict', 'feedback', 'write', 'approve', 'release'],
  admin: ['public', 'read', 'predict', 'feedback', 'write', 'step', 'approve', 'release', 'admin'],
  /** A step's own process: it may read, store bytes and report on itself. */
  step: ['public', 'read', 'step'],
}

export type Grant = keyof typeof GRANTS

export function allows(grant: Grant, scope: Scope): boolean {
  return GRANTS[grant].includes(scope)
}
