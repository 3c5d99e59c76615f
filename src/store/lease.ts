import type { Tx } from './catalog.ts'

/** The right to do something alone, for a while. */
export interface Lease {
  /** Greater than that of every earlier holder; goes into every write made under the lease. */
  readonly fence: number
}

/** Leases by the database's clock, so that holders on machines with other clocks agree. */
export interface Leases {
  /** The lease, or undefined while somebody (the same holder too) has it. */
  acquire(name: string, holder: string, ttlMs: number): Promise<Lease | undefined>
  /** Extends it from now. Throws FENCED when it ran out or went to another. */
  renew(name: string, holder: string, fence: number, ttlMs: number): Promise<void>
  /** Gives it back; nothing happens when it is no longer held. */
  release(name: string, holder: string, fence: number): Promise<void>
  /** Throws FENCED, undoing the unit, unless the lease is held under `fence` now. */
  assertHeld(tx: Tx, name: string, fence: number): Promise<void>
}
