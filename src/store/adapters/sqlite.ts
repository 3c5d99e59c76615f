import { Kysely } from 'kysely'
import type { Clock } from '../../core/clock.ts'
import { GyreError } from '../../core/errors.ts'
import type { Catalog, Snapshot, Tx } from '../catalog.ts'
import { createGroupCommit } from '../group-commit.ts'
import type { ProcedureCall } from '../procedure.ts'
import type { Tables } from '../schema.ts'
import { openChannel, type Channel } from './sqlite-channel.ts'
import { sqliteDialect } from './sqlite-dialect.ts'

/** A unit is some statements of a tenth of a millisecond; one that takes this long waits for something else. */
const UNIT_TIMEOUT_MS = 10_000

/** 0.8 MB: some 20 ms in which no other unit is written. */
const SHRINK_PAGES = 200

export interface SqliteOptions {
  /** The database file; made when absent. */
  readonly path: string
  readonly clock: Clock
}

/** The catalog in one SQLite file, in a thread of its own. Throws NEWER_DATABASE, FOLDER_NOT_WRITABLE. */
export async function openSqlite({ path, clock }: SqliteOptions): Promise<Catalog> {
  const channel = await openChannel({ path, at: clock.now().toISOString() })
  const commits = createGroupCommit(channel)
  const read = new Kysely<Tables>({
    dialect: sqliteDialect((sql, params) => channel.read(sql, params), refuseCall),
  })
  return {
    driver: 'sqlite',
    read,
    write: (unit) => commits.write(() => runUnit(channel, unit)),
    nextCommit: () => commits.nextCommit(),
    snapshot: () => openSnapshot(channel),
    checkpoint: () => commits.between(() => channel.checkpoint()),
    async shrink() {
      let [left, before] = [await unusedPages(channel), Number.POSITIVE_INFINITY]
      // A file made before files could shrink keeps what it has.
      while (left > 0 && left < before) {
        await commits.write(() => channel.shrink(SHRINK_PAGES))
        ;[left, before] = [await unusedPages(channel), left]
      }
      await commits.between(() => channel.checkpoint())
    },
    async close() {
      await commits.idle()
      await channel.close()
    },
  }
}

async function unusedPages(channel: Channel): Promise<number> {
  const { rows } = await channel.read('PRAGMA freelist_count', [])
  return Number(rows[0]?.[0])
}

async function openSnapshot(channel: Channel): Promise<Snapshot> {
  const view = await channel.openView()
  return {
    read: new Kysely<Tables>({
      dialect: sqliteDialect(
        (sql, params) => view.read(sql, params),
        refuseCall,
        (sql, params, most) => view.pages(sql, params, most),
      ),
    }),
    copyTo: (path) => view.copyTo(path),
    [Symbol.asyncDispose]: () => view.close(),
  }
}

function refuseCall({ name }: ProcedureCall): Promise<never> {
  return Promise.reject(new GyreError('INTERNAL', `${name} writes: call it in a unit`))
}

async function runUnit<T>(channel: Channel, unit: (tx: Tx) => Promise<T>): Promise<T> {
  let ended = false
  const tx = new Kysely<Tables>({
    dialect: sqliteDialect(
      (sql, params) => (ended ? Promise.reject(endedError(sql)) : channel.run(sql, params)),
      (call) => (ended ? Promise.reject(endedError(call.name)) : channel.call(call)),
    ),
  })
  let timer: NodeJS.Timeout | undefined
  const stuck = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(stuckError()), UNIT_TIMEOUT_MS)
  })
  try {
    return await Promise.race([unit(tx), stuck])
  } finally {
    clearTimeout(timer)
    ended = true
  }
}

function endedError(sql: string): GyreError {
  return new GyreError('INTERNAL', 'a statement came after its unit had ended', { sql })
}

function stuckError(): GyreError {
  return new GyreError(
    'TIMEOUT',
    `a unit of catalog.write took more than ${UNIT_TIMEOUT_MS / 1000} s: it may await nothing but its tx`,
  )
}
