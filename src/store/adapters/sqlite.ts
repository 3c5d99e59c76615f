import { Kysely } from 'kysely'
import type { Clock } from '../../core/clock.ts'
import { GyreError } from '../../core/errors.ts'
import type { Catalog, Tx } from '../catalog.ts'
import { createGroupCommit } from '../group-commit.ts'
import type { Tables } from '../schema.ts'
import { openChannel, type Channel } from './sqlite-channel.ts'
import { sqliteDialect } from './sqlite-dialect.ts'

/** A unit is some statements of a tenth of a millisecond; one that takes this long waits for something else. */
const UNIT_TIMEOUT_MS = 10_000

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
    dialect: sqliteDialect((sql, params) => channel.read(sql, params)),
  })
  return {
    driver: 'sqlite',
    read,
    write: (unit) => commits.write(() => runUnit(channel, unit)),
    nextCommit: () => commits.nextCommit(),
    checkpoint: () => channel.checkpoint(),
    async close() {
      await commits.idle()
      await channel.close()
    },
  }
}

async function runUnit<T>(channel: Channel, unit: (tx: Tx) => Promise<T>): Promise<T> {
  let ended = false
  const tx = new Kysely<Tables>({
    dialect: sqliteDialect((sql, params) =>
      ended ? Promise.reject(endedError(sql)) : channel.run(sql, params),
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
