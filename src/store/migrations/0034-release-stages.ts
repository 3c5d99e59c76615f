import type { Generated } from 'kysely'
import type { Migration } from './migration.ts'

export interface ReleaseTables {
  releases: ReleaseTable
  release_counters: ReleaseCounterTable
  release_failures: ReleaseFailureTable
}

interface ReleaseTable {
  /** Order of opening. */
  seq: Generated<number>
  id: string
  project: string
  endpoint: string
  kind: string
  state: 'open' | 'promoted' | 'rolled_back' | 'superseded'
  /** JSON, as is `analysis`. */
  plan: string
  from_ref: string | null
  to_ref: string
  forced: string | null
  why: string | null
  /** Of the plan's stages, from 0, and the event time when it began. */
  stage: number
  stage_at: string | null
  opened_at: string
  closed_at: string | null
  /** Event time of the endpoint at the opening. */
  at: string | null
  actor: string
  reason: string | null
  analysis: string | null
}

/** Additive: each server adds to rows of its own, an analysis sums over the writers. */
interface ReleaseCounterTable {
  release_id: string
  writer: string
  /** `errors`: connection errors and 5xx; `slow`: answers beyond the plan's limit. */
  metric: string
  weight_bp: number
  arm: 'stable' | 'canary'
  requests: number
  failures: number
  /** Failures that were the first of their subject. */
  subjects_failed: number
}

/** Subjects that have failed under an open release: none of them is counted twice for a metric. */
interface ReleaseFailureTable {
  release_id: string
  metric: string
  subject: string
}

/**
 * Releases have stages, and more than canaries can be open. A CHECK cannot be changed in place, so the three tables
 * are made anew; the kind is checked by the wire shape alone, which grows more easily.
 */
export const releaseStages: Migration = {
  version: 34,
  name: 'release-stages',
  up(exec) {
    exec(`
      CREATE TABLE releases_next (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        project TEXT NOT NULL,
        endpoint TEXT NOT NULL,
        kind TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('open', 'promoted', 'rolled_back', 'superseded')),
        plan TEXT NOT NULL,
        from_ref TEXT,
        to_ref TEXT NOT NULL,
        forced TEXT,
        why TEXT,
        stage INTEGER NOT NULL,
        stage_at TEXT,
        opened_at TEXT NOT NULL,
        closed_at TEXT,
        at TEXT,
        actor TEXT NOT NULL,
        reason TEXT,
        analysis TEXT
      ) STRICT;
      INSERT INTO releases_next
        SELECT seq, id, project, endpoint, kind, CASE state WHEN 'canary' THEN 'open' ELSE state END, plan,
          from_ref, to_ref, forced, NULL, 0, at, opened_at, closed_at, at, actor, reason, analysis
        FROM releases;

      CREATE TABLE release_counters_next (
        release_id TEXT NOT NULL REFERENCES releases_next (id),
        writer TEXT NOT NULL,
        metric TEXT NOT NULL,
        weight_bp INTEGER NOT NULL,
        arm TEXT NOT NULL CHECK (arm IN ('stable', 'canary')),
        requests INTEGER NOT NULL,
        failures INTEGER NOT NULL,
        subjects_failed INTEGER NOT NULL,
        PRIMARY KEY (release_id, writer, metric, weight_bp, arm)
      ) STRICT, WITHOUT ROWID;
      INSERT INTO release_counters_next SELECT * FROM release_counters;

      CREATE TABLE release_failures_next (
        release_id TEXT NOT NULL REFERENCES releases_next (id),
        metric TEXT NOT NULL,
        subject TEXT NOT NULL,
        PRIMARY KEY (release_id, metric, subject)
      ) STRICT, WITHOUT ROWID;
      INSERT INTO release_failures_next SELECT release_id, 'errors', subject FROM release_failures;

      DROP TABLE release_failures;
      DROP TABLE release_counters;
      DROP TABLE releases;
      ALTER TABLE releases_next RENAME TO releases;
      ALTER TABLE release_counters_next RENAME TO release_counters;
      ALTER TABLE release_failures_next RENAME TO release_failures;
      CREATE INDEX releases_by_endpoint ON releases (project, endpoint, seq);
      CREATE UNIQUE INDEX releases_one_open ON releases (project, endpoint) WHERE state = 'open';
    `)
  },
}
