import type { Role } from '@gyre/sdk/wire/key'

/**
 * What a route asks of its caller. `public` routes answer anybody; `store` puts bytes into the blob store; `log` writes
 * to a run, a step to its own alone.
 */
export const SCOPES = [
  'public',
  'read',
  'predict',
  'feedback',
  'store',
  'log',
  'write',
  'step',
  'approve',
  'release',
  'admin',
] as const
export type Scope = (typeof SCOPES)[number]

const VIEWER: readonly Scope[] = ['public', 'read', 'predict']
const MEMBER: readonly Scope[] = [...VIEWER, 'feedback', 'store', 'log', 'write']

const GRANTS: Readonly<Record<Role | 'step', readonly Scope[]>> = {
  viewer: VIEWER,
  member: MEMBER,
  approver: [...MEMBER, 'approve', 'release'],
  admin: [...SCOPES],
  /** A step's own process: it may read, store bytes, log to its run and report on itself. */
  step: ['public', 'read', 'store', 'log', 'step'],
}

export type Grant = keyof typeof GRANTS

export function allows(grant: Grant, scope: Scope): boolean {
  return GRANTS[grant].includes(scope)
}
