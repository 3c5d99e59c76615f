import type { Generated } from 'kysely'
import type { Migration } from './migration.ts'

export interface LoopTables {
  loop_cursors: LoopCursorTable
  loop_progress: LoopProgressTable
  retrains: RetrainTable
}

/** How far the loop has read the events; moved in the same write as what it made of them. */
interface LoopCursorTable {
  name: string
  seq: number
}

/** Since when, in event time and in labels, a trigger counts. */
interface LoopProgressTable {
  project: string
  trigger_name: string
  /** Event time of the last firing, or of when the trigger was first seen. */
  since_at: string
  since_labels: number
}

interface RetrainTable {
  /** Order of firing. */
  seq: Generated<number>
  id: string
  project: string
  trigger_name: string
  endpoint: string
  /** What fired it, once per trigger: `event:417`, `schedule:2001-03-01T00:00:00.000Z`, `labels:60000`. */
  cause: string
  /** JSON of { kind, message }. */
  why: string
  /** Event time of the firing. */
  at: string
  pipeline: string
  /** JSON of the parameters, as is `plan` of the release. */
  params: string
  plan: string
  state: 'fired' | 'training' | 'waiting' | 'released' | 'rejected' | 'failed' | 'skipped'
  pipeline_run: string | null
  candidate: string | null
  champion: string | null
  /** JSON of the gate's Verdict. */
  verdict: string | null
  reason: string | null
  release_id: string | null
  fired_at: string
  ended_at: string | null
}

export const loop: Migration = {
  version: 10,
  name: 'loop',
  up(exec) {
    exec(`
      CREATE TABLE loop_cursors (
        name TEXT NOT NULL PRIMARY KEY,
        seq INTEGER NOT NULL
      ) STRICT;

      CREATE TABLE loop_progress (
        project TEXT NOT NULL,
        trigger_name TEXT NOT NULL,
        since_at TEXT NOT NULL,
        since_labels INTEGER NOT NULL,
        PRIMARY KEY (project, trigger_name)
      ) STRICT;

      CREATE TABLE retrains (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        project TEXT NOT NULL,
        trigger_name TEXT NOT NULL,
        endpoint TEXT NOT NULL,
        cause TEXT NOT NULL,
        why TEXT NOT NULL,
        at TEXT NOT NULL,
        pipeline TEXT NOT NULL,
        params TEXT NOT NULL,
        plan TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN
          ('fired', 'training', 'waiting', 'released', 'rejected', 'failed', 'skipped')),
        pipeline_run TEXT,
        candidate TEXT,
        champion TEXT,
        verdict TEXT,
        reason TEXT,
        release_id TEXT,
        fired_at TEXT NOT NULL,
        ended_at TEXT
      ) STRICT;
      CREATE UNIQUE INDEX retrains_once ON retrains (project, trigger_name, cause);
      CREATE INDEX retrains_open ON retrains (state) WHERE state IN ('fired', 'training', 'waiting');
      CREATE INDEX retrains_by_endpoint ON retrains (project, endpoint, seq);
    `)
  },
}
