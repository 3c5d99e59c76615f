import type { Digest } from '../../core/digest.ts'
import type { Migration } from './migration.ts'

export interface BatchTables {
  batches: BatchTable
  batch_shards: BatchShardTable
}

/** A file of rows that one version of a model answers; how it fares is in its run. */
interface BatchTable {
  run_id: string
  project: string
  endpoint: string
  model: string
  /** The endpoint as it was declared at the start, JSON. */
  spec: string
  name: string
  format: 'parquet' | 'csv'
  digest: Digest
  at_column: string | null
  /** When it began: the event time of rows without one of their own. */
  at_ms: number
  shard_rows: number
  /** The file as Parquet with its rows numbered, from when it was read through until the job has ended. */
  prepared_digest: Digest | null
  row_count: number | null
  /** Of the answers, JSON. */
  columns: string | null
}

/** Written once all its rows are answered: what is here exists, and nothing else. */
interface BatchShardTable {
  run_id: string
  shard: number
  first_row: number
  row_count: number
  failed_rows: number
  digest: Digest
  bytes: number
}

export const batches: Migration = {
  version: 36,
  name: 'batches',
  up(exec) {
    exec(`
      CREATE TABLE batches (
        run_id TEXT PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
        project TEXT NOT NULL,
        endpoint TEXT NOT NULL,
        model TEXT NOT NULL,
        spec TEXT NOT NULL,
        name TEXT NOT NULL,
        format TEXT NOT NULL CHECK (format IN ('parquet', 'csv')),
        digest TEXT NOT NULL,
        at_column TEXT,
        at_ms INTEGER NOT NULL,
        shard_rows INTEGER NOT NULL,
        prepared_digest TEXT,
        row_count INTEGER,
        columns TEXT
      ) STRICT;
      CREATE TABLE batch_shards (
        run_id TEXT NOT NULL REFERENCES batches (run_id) ON DELETE CASCADE,
        shard INTEGER NOT NULL,
        first_row INTEGER NOT NULL,
        row_count INTEGER NOT NULL,
        failed_rows INTEGER NOT NULL,
        digest TEXT NOT NULL,
        bytes INTEGER NOT NULL,
        PRIMARY KEY (run_id, shard)
      ) STRICT;
    `)
  },
}
