import { createHash, randomBytes } from 'node:crypto'
import type { Approvers } from '@gyre/sdk/wire/manifest'
import { Role, type CreatedKey, type CreateKey, type Key } from '@gyre/sdk/wire/key'
import type { Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { NewId } from '../core/id.ts'
import type { Catalog, Tx } from '../store/catalog.ts'
import type { Events } from '../store/events.ts'
import type { Tables } from '../store/schema.ts'
import type { Caller } from './caller.ts'

export interface KeysDeps {
  readonly catalog: Catalog
  readonly events: Events
  readonly clock: Clock
  readonly newId: NewId
}

export interface Keys {
  /** Throws UNAUTHENTICATED for an unknown or revoked key. */
  callerOf(secret: string): Promise<Caller>
  create(ctx: Context, key: CreateKey): Promise<CreatedKey>
  list(ctx: Context): Promise<readonly Key[]>
  revoke(ctx: Context, nameOrId: string): Promise<Key>
  approvers(ctx: Context, among: Approvers, tx: Tx): Promise<readonly Key[]>
  countLive(): Promise<number>
}

/**
 * Keys are 256 random bits, so a plain SHA-256 of them is safe to store: there is nothing to guess that a
 * slow hash would protect, and a request must not pay for one.
 */
export function createKeys({ catalog, events, clock, newId }: KeysDeps): Keys {
  const known = new Map<string, Caller>()
  let revocations = 0

  return {
    async callerOf(secret) {
      const hash = sha256(secret)
      const cached = known.get(hash)
      if (cached) return cached
      const before = revocations
      const row = await liveKeys(catalog.read).where('hash', '=', hash).executeTakeFirst()
      if (!row) throw new GyreError('UNAUTHENTICATED', 'unknown or revoked key')
      const caller = { project: row.project, actor: actorOf(row.name), grant: Role.parse(row.role) }
      // A key that was revoked while it was looked up must not come back by way of the memory.
      if (before === revocations) known.set(hash, caller)
      return caller
    },

    async create(ctx, { name, role }) {
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
        if (await findLive(tx, ctx, name))
          throw new GyreError('ALREADY_EXISTS', `name: there is a key ${name} already`, {
            field: 'name',
            name,
          })
        await tx.insertInto('keys').values(row).execute()
        await events.append(tx, ctx, {
          type: 'key.created',
          subject: { kind: 'key', id: row.id },
          data: { name, role },
        })
      })
      return { ...toKey(row), secret }
    },

    async list(ctx) {
      const rows = await catalog.read
        .selectFrom('keys')
        .selectAll()
        .where('project', '=', ctx.project)
        .orderBy('created_at')
        .orderBy('id')
        .execute()
      return rows.map(toKey)
    },

    async approvers(ctx, among, tx) {
      const live = await liveKeys(tx).where('project', '=', ctx.project).execute()
      return live
        .map(toKey)
        .filter(({ id, name, role }) =>
          typeof among === 'string'
            ? Role.options.indexOf(role) >= Role.options.indexOf(among)
            : among.includes(name) || among.includes(id),
        )
    },

    async revoke(ctx, nameOrId) {
      const revoked_at = clock.now().toISOString()
      const row = await catalog.write(async (tx) => {
        const live = await findLive(tx, ctx, nameOrId)
        if (!live) throw new GyreError('NOT_FOUND', `no live key ${nameOrId}`, { key: nameOrId })
        await tx.updateTable('keys').set({ revoked_at }).where('id', '=', live.id).execute()
        await events.append(tx, ctx, {
          type: 'key.revoked',
          subject: { kind: 'key', id: live.id },
          data: { name: live.name },
        })
        return live
      })
      revocations++
      known.delete(row.hash)
      return toKey({ ...row, revoked_at })
    },

    async countLive() {
      return (await liveKeys(catalog.read).execute()).length
    },
  }
}

function liveKeys(db: Tx) {
  return db.selectFrom('keys').selectAll().where('revoked_at', 'is', null)
}

async function findLive(tx: Tx, { project }: Context, nameOrId: string) {
  return liveKeys(tx)
    .where('project', '=', project)
    .where((eb) => eb.or([eb('id', '=', nameOrId), eb('name', '=', nameOrId)]))
    .executeTakeFirst()
}

/** Who a request with the key of this name acts as. */
export function actorOf(name: string): string {
  return `key:${name}`
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function toKey(row: Tables['keys']): Key {
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
