import { sql, type RawBuilder } from 'kysely'
import { GyreError } from '../core/errors.ts'
import type { Catalog, Tx } from './catalog.ts'

/** The right to do something alone, for a while. */
export interface Lease {
  /** Greater than that of every earlier holder; goes into every write made under the lease. */
  readonly fence: number
}

/** Leases by the database's clock, so that holders on machines with other clocks agree. */
export interface Leases {
  /** The lease, or undefined while somebody (the same holder too) has it. Given a `tx` it is part of that unit. */
  acquire(name: string, holder: string, ttlMs: number, tx?: Tx): Promise<Lease | undefined>
  /** Extends it from now. Throws FENCED when it ran out or went to another. */
  renew(name: string, holder: string, fence: number, ttlMs: number): Promise<void>
  /** Gives it back; nothing happens when it is no longer held. Given a `tx` it is part of that unit. */
  release(name: string, holder: string, fence: number, tx?: Tx): Promise<void>
  /** Throws FENCED, undoing the unit, unless the lease is held under `fence` now. */
  assertHeld(tx: Tx, name: string, fence: number): Promise<void>
}

/** `leases` rows outlive their holders, so that a fence never comes back. */
export function createLeases(catalog: Catalog): Leases {
  const inUnit = <T>(tx: Tx | undefined, unit: (tx: Tx) => Promise<T>) =>
    tx ? unit(tx) : catalog.write(unit)

  return {
    acquire: (name, holder, ttlMs, outer) =>
      inUnit(outer, async (tx) => {
        const expires_at = expiry(ttlMs)
        return tx
          .insertInto('leases')
          .values({ name, holder, fence: 1, expires_at })
          .onConflict((conflict) =>
            conflict
              .column('name')
              .doUpdateSet({ holder, fence: sql`leases.fence + 1`, expires_at })
              .where('leases.expires_at', '<=', NOW),
          )
          .returning('fence')
          .executeTakeFirst()
      }),

    renew: (name, holder, fence, ttlMs) =>
      catalog.write(async (tx) => {
        const { numUpdatedRows } = await tx
          .updateTable('leases')
          .set({ expires_at: expiry(ttlMs) })
          .where('name', '=', name)
          .where('holder', '=', holder)
          .where('fence', '=', fence)
          .where('expires_at', '>', NOW)
          .executeTakeFirst()
        if (numUpdatedRows === 0n) throw fencedError(name, fence)
      }),

    release: (name, holder, fence, outer) =>
      inUnit(outer, async (tx) => {
        await tx
          .updateTable('leases')
          .set({ expires_at: 0 })
          .where('name', '=', name)
          .where('holder', '=', holder)
          .where('fence', '=', fence)
          .execute()
      }),

    async assertHeld(tx, name, fence) {
      const held = await tx
        .selectFrom('leases')
        .select('fence')
        .where('name', '=', name)
        .where('fence', '=', fence)
        .where('expires_at', '>', NOW)
        .executeTakeFirst()
      if (!held) throw fencedError(name, fence)
    },
  }
}

const NOW = sql<number>`unixepoch('subsec')`

function expiry(ttlMs: number): RawBuilder<number> {
  return sql<number>`unixepoch('subsec') + ${ttlMs / 1000}`
}

function fencedError(name: string, fence: number): GyreError {
  return new GyreError('FENCED', `the lease ${name} is no longer held under fence ${fence}`, {
    name,
    fence,
  })
}
