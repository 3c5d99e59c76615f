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
  kind: 'immediate' | 'canary' | 'rollback'
  state: 'canary' | 'promoted' | 'rolled_back' | 'superseded'
  /** JSON, as is `analysis`. */
  plan: string
  from_ref: string | null
  to_ref: string
  forced: string | null
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
  /** `errors`: connection errors and 5xx. */
  metric: string
  weight_bp: number
  arm: 'stable' | 'canary'
  requests: number
  failures: number
  /** Failures that were the first of their subject. */
  subjects_failed: number
}

/** Subjects that have failed under an open release: none of them is counted twice. */
interface ReleaseFailureTable {
  release_id: string
  subject: string
}

export const release: Migration = {
  version: 13,
  name: 'release',
  up(exec) {
    exec(`
      CREATE TABLE releases (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        project TEXT NOT NULL,
        endpoint TEXT NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('immediate', 'canary', 'rollback')),
        state TEXT NOT NULL CHECK (state IN ('canary', 'promoted', 'rolled_back', 'superseded')),
        plan TEXT NOT NULL,
        from_ref TEXT,
        to_ref TEXT NOT NULL,
        forced TEXT,
        opened_at TEXT NOT NULL,
        closed_at TEXT,
        at TEXT,
        actor TEXT NOT NULL,
        reason TEXT,
        analysis TEXT
      ) STRICT;
      CREATE INDEX releases_by_endpoint ON releases (project, endpoint, seq);
      CREATE UNIQUE INDEX releases_one_canary ON releases (project, endpoint) WHERE state = 'canary';

      CREATE TABLE release_counters (
        release_id TEXT NOT NULL REFERENCES releases (id),
        writer TEXT NOT NULL,
        metric TEXT NOT NULL,
        weight_bp INTEGER NOT NULL,
        arm TEXT NOT NULL CHECK (arm IN ('stable', 'canary')),
        requests INTEGER NOT NULL,
        failures INTEGER NOT NULL,
        subjects_failed INTEGER NOT NULL,
        PRIMARY KEY (release_id, writer, metric, weight_bp, arm)
      ) STRICT, WITHOUT ROWID;

      CREATE TABLE release_failures (
        release_id TEXT NOT NULL REFERENCES releases (id),
        subject TEXT NOT NULL,
        PRIMARY KEY (release_id, subject)
      ) STRICT, WITHOUT ROWID;
    `)
  },
}
