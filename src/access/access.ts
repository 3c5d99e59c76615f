import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { Role, type CreatedKey, type CreateKey, type Key } from '@gyre/sdk/wire/key'
import { z } from 'zod'
import type { Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { NewId } from '../core/id.ts'
import type { Catalog } from '../store/catalog.ts'
import type { Events } from '../store/events.ts'
import { allows, type Grant, type Scope } from './scope.ts'

export interface AccessDeps {
  readonly catalog: Catalog
  readonly events: Events
  readonly clock: Clock
  readonly newId: NewId
  /** True where requests without a key act as `local` with every right: on loopback only. */
  readonly keyless: boolean
}

/** Who stands behind a request. */
export interface Caller {
  readonly project: string
  readonly actor: string
  readonly grant: Grant
}

export interface Access {
  /**
   * The caller of a request that carries `authorization` (a header's value), if it may do `scope`.
   * Throws UNAUTHENTICATED (no key, unknown or revoked key) and FORBIDDEN (a key without the right).
   */
  admit(authorization: string | undefined, scope: Scope): Promise<Caller>
  /** A pass for one step's process, good until `ttlMs` from now and for this server's life only. */
  passForStep(project: string, actor: string, ttlMs: number): string
  createKey(ctx: Context, key: CreateKey): Promise<CreatedKey>
  listKeys(ctx: Context): Promise<readonly Key[]>
  /** Throws NOT_FOUND when there is no live key of that name or id. */
  revokeKey(ctx: Context, nameOrId: string): Promise<Key>
  countKeys(): Promise<number>
}

const LOCAL: Caller = { project: 'default', actor: 'local', grant: 'admin' }

const Pass = z.strictObject({ project: z.string(), actor: z.string(), untilMs: z.number() })

/**
 * Keys are 256 random bits, so a plain SHA-256 of them is safe to store: there is nothing to guess that a
 * slow hash would protect, and a request must not pay for one.
 */
export function createAccess({ catalog, events, clock, newId, keyless }: AccessDeps): Access {
  const passSecret = randomBytes(32)
  const known = new Map<string, Caller>()

  async function callerOf(authorization: string | undefined): Promise<Caller> {
    if (authorization === undefined) {
      if (keyless) return LOCAL
      throw new GyreError('UNAUTHENTICATED', 'a key is needed: send "Authorization: Bearer gyre_…"')
    }
    const secret = /^Bearer (\S+)$/.exec(authorization)?.[1]
    if (secret === undefined)
      throw new GyreError('UNAUTHENTICATED', 'authorization: expected "Bearer KEY"')
    return secret.startsWith('pass.') ? readPass(secret, passSecret, clock) : findKey(secret)
  }

  async function findKey(secret: string): Promise<Caller> {
    const hash = sha256(secret)
    const cached = known.get(hash)
    if (cached) return cached
    const row = await catalog.read
      .selectFrom('keys')
      .selectAll()
      .where('hash', '=', hash)
      .where('revoked_at', 'is', null)
      .executeTakeFirst()
    if (!row) throw new GyreError('UNAUTHENTICATED', 'unknown or revoked key')
    const caller = { project: row.project, actor: `key:${row.name}`, grant: Role.parse(row.role) }
    known.set(hash, caller)
    return caller
  }

  return {
    async admit(authorization, scope) {
      const caller = scope === 'public' ? LOCAL : await callerOf(authorization)
      if (!allows(caller.grant, scope))
        throw new GyreError(
          'FORBIDDEN',
          `${caller.actor} may not ${scope} (role ${caller.grant})`,
          {
            scope,
            role: caller.grant,
          },
        )
      return caller
    },

    passForStep(project, actor, ttlMs) {
      const pass = { project, actor, untilMs: clock.now().getTime() + ttlMs }
      const body = Buffer.from(JSON.stringify(pass)).toString('base64url')
      return `pass.${body}.${sign(body, passSecret)}`
    },

    async createKey(ctx, { name, role }) {
      const secret = `gyre_${randomBytes(32).toString('base64url')}`
      const row = {
        id: newId('key'),
        project: ctx.project,
        name,
        role,
        hash: sha256(secret),
        created_at: clock.now().toISOString(),
        created_by: ctx.actor,
        revoked_at: null,
      }
      await catalog.write(async (tx) => {
        const live = await tx
          .selectFrom('keys')
          .select('id')
          .where('project', '=', ctx.project)
          .where('name', '=', name)
          .where('revoked_at', 'is', null)
          .executeTakeFirst()
        if (live)
          throw new GyreError('ALREADY_EXISTS', `name: there is a key ${name} already`, { name })
        await tx.insertInto('keys').values(row).execute()
        await events.append(tx, ctx, {
          type: 'key.created',
          subject: { kind: 'key', id: row.id },
          data: { name, role },
        })
      })
      return { ...toKey(row), secret }
    },

    async listKeys(ctx) {
      const rows = await catalog.read
        .selectFrom('keys')
        .selectAll()
        .where('project', '=', ctx.project)
        .orderBy('created_at')
        .execute()
      return rows.map(toKey)
    },

    async revokeKey(ctx, nameOrId) {
      const revokedAt = clock.now().toISOString()
      const row = await catalog.write(async (tx) => {
        const live = await tx
          .selectFrom('keys')
          .selectAll()
          .where('project', '=', ctx.project)
          .where('revoked_at', 'is', null)
          .where((eb) => eb.or([eb('id', '=', nameOrId), eb('name', '=', nameOrId)]))
          .executeTakeFirst()
        if (!live) throw new GyreError('NOT_FOUND', `no live key ${nameOrId}`, { key: nameOrId })
        await tx
          .updateTable('keys')
          .set({ revoked_at: revokedAt })
          .where('id', '=', live.id)
          .execute()
        await events.append(tx, ctx, {
          type: 'key.revoked',
          subject: { kind: 'key', id: live.id },
          data: { name: live.name },
        })
        return live
      })
      known.delete(row.hash)
      return toKey({ ...row, revoked_at: revokedAt })
    },

    async countKeys() {
      const { live } = await catalog.read
        .selectFrom('keys')
        .select((eb) => eb.fn.countAll<number>().as('live'))
        .where('revoked_at', 'is', null)
        .executeTakeFirstOrThrow()
      return live
    },
  }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function sign(body: string, secret: Buffer): string {
  return createHmac('sha256', secret).update(body).digest('base64url')
}

function readPass(text: string, secret: Buffer, clock: Clock): Caller {
  const [, body = '', signature = ''] = text.split('.')
  const expected = Buffer.from(sign(body, secret))
  const given = Buffer.from(signature)
  if (expected.length !== given.length || !timingSafeEqual(expected, given))
    throw new GyreError('UNAUTHENTICATED', 'the pass was not made by this server')
  const pass = Pass.parse(JSON.parse(Buffer.from(body, 'base64url').toString('utf8')))
  if (pass.untilMs < clock.now().getTime())
    throw new GyreError('UNAUTHENTICATED', 'the pass has expired')
  return { project: pass.project, actor: pass.actor, grant: 'step' }
}

function toKey(row: {
  id: string
  project: string
  name: string
  role: string
  created_at: string
  created_by: string
  revoked_at: string | null
}): Key {
  return {
    id: row.id,
    project: row.project,
    name: row.name,
    role: Role.parse(row.role),
    createdAt: row.created_at,
    createdBy: row.created_by,
    revokedAt: row.revoked_at,
  }
}
