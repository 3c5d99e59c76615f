import type { Migration } from './migration.ts'

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
