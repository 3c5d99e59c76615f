import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../core/clock.ts'
import type { Config } from '../core/config.ts'
import { createIds, type NewId } from '../core/id.ts'
import type { Log } from '../core/log.ts'
import { openDisk } from './adapters/disk.ts'
import { openNdjson } from './adapters/ndjson.ts'
import { openSqlite } from './adapters/sqlite.ts'
import { createAnalytics } from './analytics-process.ts'
import type { Analytics } from './analytics.ts'
import type { Blobs } from './blobs.ts'
import type { Catalog } from './catalog.ts'
import { createEvents, type Events } from './events.ts'
import { nodeFiles, type Files } from './files.ts'
import { openFolder } from './folder.ts'
import { createLeases, type Leases } from './lease.ts'
import type { Rows } from './rows.ts'
import { createRuns, type Runs } from './runs.ts'

export interface StoreDeps {
  /** The data folder; made when absent. */
  readonly folder: string
  readonly clock: Clock
  readonly log: Log
  readonly config: Pick<Config, 'analyticsMemoryMb'>
  /** The disk that blobs and rows lie on; a test may put in one that is full. */
  readonly files?: Files
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

/**
 * Opens, makes or repairs the store. Throws FOLDER_NOT_WRITABLE, FOLDER_LOCKED, NEWER_DATABASE; what was opened
 * before the failure is closed again.
 */
export async function openStore(deps: StoreDeps): Promise<Store> {
  const closers: (() => Promise<void>)[] = []
  async function closeAll(): Promise<void> {
    for (const close of closers.splice(0).toReversed()) await close()
  }
  try {
    return { ...(await openParts(deps, closers)), close: closeAll }
  } catch (error) {
    await closeAll()
    throw error
  }
}

async function openParts(
  { folder: path, clock, log, config, files = nodeFiles }: StoreDeps,
  closers: (() => Promise<void>)[],
): Promise<Omit<Store, 'close'>> {
  const folder = await openFolder(path)
  closers.push(() => folder.close())
  const newId = createIds(() => clock.now().getTime())
  const tempFolder = join(path, 'temp')
  await rm(tempFolder, { recursive: true, force: true })
  await mkdir(tempFolder)

  const catalog = await openSqlite({ path: join(path, 'catalog.db'), clock })
  closers.push(async () => {
    await catalog.checkpoint()
    await catalog.close()
  })
  const analytics = createAnalytics(
    { memoryMb: config.analyticsMemoryMb, tempFolder, folders: [path] },
    { clock, log },
  )
  closers.push(() => analytics.close())
  const blobs = await openDisk({ folder: join(path, 'blobs'), files, newId, clock })
  closers.push(() => blobs.close())
  const rows = await openNdjson({
    folder: join(path, 'rows'),
    catalog,
    analytics,
    files,
    clock,
    newId,
    log,
  })
  closers.push(() => rows.close())

  const events = createEvents({ catalog, clock, newId })
  const runs = createRuns({ catalog, events, clock, newId })
  await runs.loseAbandoned()
  const leases = createLeases(catalog)
  return { folder: path, catalog, blobs, rows, analytics, events, runs, leases, newId }
}
