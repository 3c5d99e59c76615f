import type { CreatedKey, CreateKey, Key } from '@gyre/sdk/wire/key'
import type { Approvers } from '@gyre/sdk/wire/manifest'
import type { Tx } from '../store/catalog.ts'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { Caller } from './caller.ts'
import { createKeys, type KeysDeps } from './keys.ts'
import { createPasses } from './pass.ts'
import { allows, type Scope } from './scope.ts'

export interface AccessDeps extends KeysDeps {
  /** True where requests without a key act as `local` with every right: on loopback only. */
  readonly keyless: boolean
}

export interface Access {
  /**
   * The caller of a request that carries `authorization` (a header's value), if it may do `scope`.
   * Throws UNAUTHENTICATED (no key, unknown or revoked key) and FORBIDDEN (a key without the right).
   */
  admit(authorization: string | undefined, scope: Scope): Promise<Caller>
  /** A pass for one step's process, good until `ttlMs` from now and for this server's life only. */
  passForStep(project: string, actor: string, ttlMs: number): string
  /** Throws ALREADY_EXISTS while a live key has the name. */
  createKey(ctx: Context, key: CreateKey): Promise<CreatedKey>
  /** Oldest first, revoked ones too. */
  listKeys(ctx: Context): Promise<readonly Key[]>
  /** Throws NOT_FOUND when there is no live key of that name or id. */
  revokeKey(ctx: Context, nameOrId: string): Promise<Key>
  /** The live keys that approvers are named by: their names or ids, or a role, theirs or a lower one. */
  approvers(ctx: Context, among: Approvers, tx: Tx): Promise<readonly Key[]>
  /** Live keys of all projects. */
  countKeys(): Promise<number>
}

const LOCAL: Caller = { project: 'default', actor: 'local', grant: 'admin' }

/** Whoever asks what anybody may know. */
const ANYBODY: Caller = { project: 'default', actor: 'anonymous', grant: 'viewer' }

export function createAccess({ keyless, ...deps }: AccessDeps): Access {
  const keys = createKeys(deps)
  const passes = createPasses(deps.clock)

  async function callerOf(authorization: string | undefined): Promise<Caller> {
    if (authorization === undefined) {
      if (keyless) return LOCAL
      throw new GyreError('UNAUTHENTICATED', 'a key is needed: send "Authorization: Bearer gyre_…"')
    }
    const secret = /^Bearer +(\S+)$/i.exec(authorization)?.[1]
    if (secret === undefined)
      throw new GyreError('UNAUTHENTICATED', 'authorization: expected "Bearer KEY"')
    return secret.startsWith('pass.') ? passes.read(secret) : keys.callerOf(secret)
  }

  return {
    async admit(authorization, scope) {
      if (scope === 'public') return ANYBODY
      const caller = await callerOf(authorization)
      if (allows(caller.grant, scope)) return caller
      const { actor, grant } = caller
      throw new GyreError('FORBIDDEN', `${actor} may not ${scope} (role ${grant})`, {
        scope,
        role: grant,
      })
    },
    passForStep: (project, actor, ttlMs) => passes.issue(project, actor, ttlMs),
    createKey: (ctx, key) => keys.create(ctx, key),
    listKeys: (ctx) => keys.list(ctx),
    revokeKey: (ctx, nameOrId) => keys.revoke(ctx, nameOrId),
    approvers: (ctx, among, tx) => keys.approvers(ctx, among, tx),
    countKeys: () => keys.countLive(),
  }
}
