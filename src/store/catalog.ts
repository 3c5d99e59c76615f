import type { Kysely } from 'kysely'
import type { Tables } from './schema.ts'

/** A unit's own view of the writer: sees what the unit wrote, dead once the unit has ended. */
export type Tx = Kysely<Tables>

/** The catalog as of one commit. Disposing of it lets the catalog forget that commit: soon, for its log grows until then. */
export interface Snapshot extends AsyncDisposable {
  /** Rows may be streamed, some at a time. */
  readonly read: Kysely<Tables>
  /** Writes the snapshot into a new file, which opens as a catalog of its own. Errors: DISK_FULL. */
  copyTo(path: string): Promise<void>
}

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
  /** Everything committed so far, as of one commit; what is written later does not come into it. */
  snapshot(): Promise<Snapshot>
  /** Moves the write-ahead log into the database file. */
  checkpoint(): Promise<void>
  /** Gives the file system back what deleted rows took, a little at a time: writers go on meanwhile. */
  shrink(): Promise<void>
  close(): Promise<void>
}
