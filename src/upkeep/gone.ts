import type { GcReport } from '@gyre/sdk/wire/upkeep'
import { sql, type Kysely } from 'kysely'
import { among } from '../store/among.ts'
import type { Catalog } from '../store/catalog.ts'
import type { Tables } from '../store/schema.ts'

/** Owners whose files are forgotten in one unit, so that others may write in between. */
const AT_ONCE = 100

const OWNERS = [
  ['runs', 'run'],
  ['logged_models', 'logged-model'],
] as const

/** Owners of files that were deleted before an instant. */
export async function countGone(db: Kysely<Tables>, before: Date): Promise<GcReport['gone']> {
  const [runs, loggedModels] = await Promise.all(
    OWNERS.map(async ([table, kind]) => (await ownersOf(db, table, kind, before)).length),
  )
  return { runs: runs ?? 0, loggedModels: loggedModels ?? 0 }
}

/**
 * Takes the files from runs and logged models that were deleted before an instant: one that is brought back
 * afterwards has none. What was registered of them is a tree of its own and stays.
 */
export async function forgetFiles(catalog: Catalog, before: Date): Promise<void> {
  for (const [table, kind] of OWNERS) {
    const owners = await ownersOf(catalog.read, table, kind, before)
    for (let at = 0; at < owners.length; at += AT_ONCE) {
      const some = among(owners.slice(at, at + AT_ONCE))
      // Asked again: somebody may have brought one back meanwhile.
      await catalog.write(async (tx) => {
        await sql`
          DELETE FROM artifact_files WHERE (project, root) IN (
            SELECT project, ${`${kind}:`} || id FROM ${sql.table(table)}
            WHERE id IN ${some} AND deleted_ms < ${before.getTime()}
          )`.execute(tx)
      })
    }
  }
}

type OwnerTable = (typeof OWNERS)[number][0]

/** Ids of those that have files. */
async function ownersOf(
  db: Kysely<Tables>,
  table: OwnerTable,
  kind: string,
  before: Date,
): Promise<readonly string[]> {
  const { rows } = await sql<{ id: string }>`
    SELECT id FROM ${sql.table(table)} AS owner
    WHERE deleted_ms < ${before.getTime()} AND EXISTS (
      SELECT * FROM artifact_files AS file
      WHERE file.project = owner.project AND file.root = ${`${kind}:`} || owner.id
    )`.execute(db)
  return rows.map(({ id }) => id)
}
