import type { Run, RunChange } from '@gyre/sdk/wire/run'
import { sql } from 'kysely'
import type { Tx } from '../store/catalog.ts'
import { rootKey } from './artifact-root.ts'

/** More files than that are not told one by one. */
const MOST = 1_000

/** What `gyre run` keeps by itself: it tells times, or is compared as code. */
const OWN_PATHS = ['logs/stdout.txt', 'logs/stderr.txt']
/** … and MLflow's description of a model, which names the run and the hour. */
const OWN_PATTERNS = ['notebook/%.ipynb', 'code/%', 'MLmodel', '%/MLmodel']

/** Files that one of two runs lacks, or has with other bytes; by path, with their digests. */
export async function artifactChanges(
  db: Tx,
  step: string | null,
  before: Run,
  now: Run,
): Promise<readonly RunChange[]> {
  const then = rootKey({ kind: 'run', id: before.id })
  const since = rootKey({ kind: 'run', id: now.id })
  const rows = await db
    .selectFrom('artifact_files')
    .select(['path', digestIn(then).as('before'), digestIn(since).as('now')])
    .where('project', '=', now.project)
    .where('root', 'in', [then, since])
    .where('path', 'not in', OWN_PATHS)
    .where((eb) => eb.and(OWN_PATTERNS.map((pattern) => eb('path', 'not like', pattern))))
    .groupBy('path')
    .having(sql<boolean>`${digestIn(then)} IS NOT ${digestIn(since)}`)
    .orderBy('path')
    .limit(MOST)
    .execute()
  return rows.map(({ path, ...digests }) => ({ step, what: `artifact ${path}`, ...digests }))
}

/** Null where the root has no such file. */
function digestIn(root: string) {
  return sql<string | null>`max(CASE WHEN root = ${root} THEN digest END)`
}
