import { sql, type Kysely } from 'kysely'
import type { Tables } from '../store/schema.ts'

/** Which rows of a column: all of them, or those that somebody deleted before an instant, or all others. */
export type Which = 'all' | { readonly deletedBefore: Date; readonly are: 'kept' | 'gone' }

/**
 * A column that names bytes. `files`: bytes that must be there. `trees`: folders of bytes that must be there, save
 * where the text is empty. `mentions`: a text that may name some, files or folders, which may be gone.
 */
export interface DigestColumn {
  readonly table: keyof Tables
  readonly column: string
  readonly holds: 'files' | 'trees' | 'mentions'
  /** Of a row `t`: when somebody deleted it, in epoch milliseconds; NULL while nobody has. Its bytes may be gone. */
  readonly deletedMs?: string
}

const OWNER_DELETED_MS = `CASE
  WHEN t.root LIKE 'run:%' THEN
    (SELECT deleted_ms FROM runs WHERE runs.id = substr(t.root, 5) AND runs.project = t.project)
  WHEN t.root LIKE 'logged-model:%' THEN
    (SELECT deleted_ms FROM logged_models
      WHERE logged_models.id = substr(t.root, 14) AND logged_models.project = t.project)
  END`

/** Every column whose bytes the store keeps. A test fails where the schema has one that is neither here nor below. */
export const DIGEST_COLUMNS: readonly DigestColumn[] = [
  { table: 'artifact_files', column: 'digest', holds: 'files', deletedMs: OWNER_DELETED_MS },
  { table: 'artifact_upload_parts', column: 'digest', holds: 'mentions' },
  { table: 'artifact_uploads', column: 'digest', holds: 'mentions' },
  { table: 'backfills', column: 'params', holds: 'mentions' },
  { table: 'batch_shards', column: 'digest', holds: 'files' },
  { table: 'batches', column: 'digest', holds: 'mentions' },
  { table: 'batches', column: 'prepared_digest', holds: 'files' },
  { table: 'code_versions', column: 'bundle_digest', holds: 'trees' },
  { table: 'code_versions', column: 'uncommitted', holds: 'trees' },
  { table: 'dataset_versions', column: 'digest', holds: 'files' },
  { table: 'dataset_versions', column: 'source_digest', holds: 'files' },
  { table: 'evaluation_sets', column: 'body', holds: 'mentions' },
  { table: 'evaluation_sets', column: 'digest', holds: 'files' },
  { table: 'feature_files', column: 'digest', holds: 'files' },
  { table: 'model_versions', column: 'digest', holds: 'trees', deletedMs: 't.deleted_ms' },
  { table: 'pipeline_runs', column: 'bundle', holds: 'mentions' },
  { table: 'pipeline_runs', column: 'params', holds: 'mentions' },
  { table: 'run_checkpoints', column: 'digest', holds: 'mentions' },
  { table: 'run_refs', column: 'digest', holds: 'mentions' },
  { table: 'step_cache', column: 'outputs', holds: 'mentions' },
  { table: 'step_checkpoints', column: 'digest', holds: 'mentions' },
  { table: 'step_items', column: 'outputs', holds: 'mentions' },
  { table: 'step_runs', column: 'inputs', holds: 'mentions' },
  { table: 'step_runs', column: 'outputs', holds: 'mentions' },
  { table: 'step_runs', column: 'extra', holds: 'mentions' },
]

/** `TABLE.COLUMN` that hold digests, or texts with digests in them, and keep no bytes; why. */
export const OTHER_DIGESTS: Readonly<Record<string, string>> = {
  'code_versions.manifest': 'chunks of code, which are in the tree of the bundle',
  'code_versions.manifest_digest': 'of the JSON beside it',
  'dataset_versions.import_digest': 'of the rules and the source together',
  'dataset_versions.spec': 'no bytes',
  'events.data': 'the audit tells what was, whether or not it is still there',
  'events.hash': 'of the chain',
  'events.prev_hash': 'of the chain',
  'feature_files.dataset_digest': 'of a version that dataset_versions names',
  'feature_files.view_digest': 'of rules',
  'feature_views.digest': 'of rules',
  'keys.hash': 'of a secret',
  'logged_model_metrics.dataset_digest': 'as a client calls its dataset',
  'model_approvals.gates': 'of rules',
  'model_approvals.note': 'a text of a person',
  'pipeline_runs.spec': 'chunks of code, which are in the tree of the bundle',
  'retrains.params': 'what pipeline_runs.params keeps',
  'retrains.verdict': 'what the verdict was about, not its bytes',
  'run_datasets.digest': 'as a client calls its dataset',
  'run_params.value': 'what a run was told, as text; what it read is among its references',
  'run_refs.ref': 'the digest beside it',
  'runs.code': 'of a bundle that pipeline_runs names, of files that artifact_files keeps',
  'step_runs.cache_key': 'of the parts beside it',
  'step_runs.cache_parts': 'digests of inputs, not of bytes',
  'step_items.cache_key': 'of the parts that made it',
  'step_cache.cache_key': 'of the parts that made it',
  'tracked_datasets.digest': 'as a client calls its dataset',
  'verdicts.body': 'what was judged, not its bytes',
  'verdicts.gate_digest': 'of rules',
  'verdicts.model_digest': 'what was judged, not its bytes',
}

/** A text of a column, and whether somebody deleted the row that says it. */
interface DigestText {
  readonly text: string
  readonly isDeleted: boolean
}

/** The texts of one column, row by row; streamed, so of a snapshot. The catalog answers others in between. */
export async function* textsOf(
  db: Kysely<Tables>,
  { table, column, deletedMs }: DigestColumn,
  which: Which,
): AsyncGenerator<DigestText> {
  const text = sql<string>`${sql.ref(`t.${column}`)}`
  const since = deletedMs === undefined ? sql`NULL` : sql.raw(`(${deletedMs})`)
  let query = db
    .selectFrom(sql<{ text: string }>`${sql.table(table)}`.as('t'))
    .select([text.as('text'), sql<number>`${since} IS NOT NULL`.as('deleted')])
    .where(sql<boolean>`instr(${text}, 'sha256:') > 0`)
  if (which !== 'all') {
    const isGone = sql<boolean>`coalesce(${since} < ${which.deletedBefore.getTime()}, FALSE)`
    query = query.where(which.are === 'gone' ? isGone : sql<boolean>`NOT ${isGone}`)
  }
  for await (const row of query.stream()) yield { text: row.text, isDeleted: row.deleted === 1 }
}
