import type { Migration } from './migration.ts'

export interface ItemTables {
  step_items: StepItemTable
  backfills: BackfillTable
  backfill_partitions: BackfillPartitionTable
}

interface BackfillTable {
  /** The id of its Run. */
  id: string
  project: string
  pipeline: string
  /** The code version that all its runs are of. */
  code_ref: string
  /** JSON, without the parameter that says the partition. */
  params: string
  concurrency: number
  status: 'running' | 'succeeded' | 'failed' | 'cancelled'
  started_at: string
  ended_at: string | null
}

interface BackfillPartitionTable {
  backfill: string
  /** From 0, in the order in which they are started. */
  position: number
  partition: string
  /** What the run's parameter is given. */
  value: string
  /** The pipeline run that is for it; null until one is. */
  run_id: string | null
}

interface StepItemTable {
  pipeline_run_id: string
  step: string
  /** From 0, in the order of the list. */
  item: number
  state: 'pending' | 'leased' | 'succeeded' | 'failed'
  attempt: number
  /** How many of the attempts went down with their server. */
  lost: number
  fence: number
  /** Null where nothing is reused. */
  cache_key: string | null
  cached: number
  /** JSON, as is `error`. */
  outputs: string | null
  error: string | null
}

export const itemsAndPartitions: Migration = {
  version: 29,
  name: 'items-and-partitions',
  up(exec) {
    exec(`
      CREATE TABLE step_items (
        pipeline_run_id TEXT NOT NULL REFERENCES pipeline_runs (id),
        step TEXT NOT NULL,
        item INTEGER NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('pending', 'leased', 'succeeded', 'failed')),
        attempt INTEGER NOT NULL,
        lost INTEGER NOT NULL,
        fence INTEGER NOT NULL,
        cache_key TEXT,
        cached INTEGER NOT NULL,
        outputs TEXT,
        error TEXT,
        PRIMARY KEY (pipeline_run_id, step, item)
      ) STRICT, WITHOUT ROWID;

      ALTER TABLE pipeline_runs ADD COLUMN partition TEXT;
      CREATE INDEX pipeline_runs_by_partition ON pipeline_runs (project, pipeline, partition)
        WHERE partition IS NOT NULL;
      CREATE UNIQUE INDEX pipeline_runs_one_a_partition
        ON pipeline_runs (project, pipeline, partition)
        WHERE partition IS NOT NULL AND status = 'running';

      CREATE TABLE backfills (
        id TEXT NOT NULL PRIMARY KEY,
        project TEXT NOT NULL,
        pipeline TEXT NOT NULL,
        code_ref TEXT NOT NULL,
        params TEXT NOT NULL,
        concurrency INTEGER NOT NULL,
        status TEXT NOT NULL CHECK (status IN ('running', 'succeeded', 'failed', 'cancelled')),
        started_at TEXT NOT NULL,
        ended_at TEXT
      ) STRICT;
      CREATE INDEX backfills_by_status ON backfills (status);

      CREATE TABLE backfill_partitions (
        backfill TEXT NOT NULL REFERENCES backfills (id),
        position INTEGER NOT NULL,
        partition TEXT NOT NULL,
        value TEXT NOT NULL,
        run_id TEXT REFERENCES pipeline_runs (id),
        PRIMARY KEY (backfill, position)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX backfill_partitions_waiting ON backfill_partitions (backfill, position)
        WHERE run_id IS NULL;
    `)
  },
}
