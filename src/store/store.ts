import type { Clock } from '../core/clock.ts'
import type { Config } from '../core/config.ts'
import type { NewId } from '../core/id.ts'
import type { Log } from '../core/log.ts'
import type { Analytics } from './analytics.ts'
import type { Blobs } from './blobs.ts'
import type { Catalog } from './catalog.ts'
import type { Events } from './events.ts'
import type { Leases } from './lease.ts'
import type { Rows } from './rows.ts'
import type { Runs } from './runs.ts'

export interface StoreDeps {
  /** The data folder; made when absent. */
  readonly folder: string
  readonly clock: Clock
  readonly log: Log
  readonly config: Pick<Config, 'analyticsMemoryMb'>
}

/** Everything Gyre remembers, under one data folder that one server at a time may hold. */
export interface Store {
  readonly folder: string
  readonly catalog: Catalog
  readonly blobs: Blobs
  readonly rows: Rows
  readonly analytics: Analytics
  readonly events: Events
  readonly runs: Runs
  readonly leases: Leases
  readonly newId: NewId
  /** Rows to the disk, DuckDB ended, catalog checkpointed, folder lock given back, in that order. */
  close(): Promise<void>
}
