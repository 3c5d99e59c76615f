import type { Kysely } from 'kysely'
import type { Tables } from './schema.ts'

/** A unit's own view of the writer: sees what the unit wrote, dead once the unit has ended. */
export type Tx = Kysely<Tables>

/** Every record Gyre keeps besides traffic and bytes. Reads see committed rows only. */
export interface Catalog {
  readonly driver: string
  readonly read: Kysely<Tables>
  /**
   * Runs `unit` and resolves with its value once it is on the disk. Units that meet share one commit, each
   * in its own savepoint: one that throws undoes itself alone. `unit` awaits nothing but its `tx`, may be
   * slow only in SQL, and has no other side effect. Errors: OVERLOADED (queue full), DISK_FULL, TIMEOUT
   * (a unit that awaited something else), ALREADY_EXISTS and CONFLICT from constraints.
   */
  write<T>(unit: (tx: Tx) => Promise<T>): Promise<T>
  /** Resolves after the next commit that succeeds: a hint to look again, carrying nothing. */
  nextCommit(): Promise<void>
  /** Moves the write-ahead log into the database file. */
  checkpoint(): Promise<void>
  close(): Promise<void>
}
