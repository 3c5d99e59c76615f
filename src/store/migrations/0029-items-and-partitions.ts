import type { Migration } from './migration.ts'

export interface ItemTables {
  step_items: StepItemTable
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
    `)
  },
}
