import type { Migration } from './migration.ts'

/** Made anew by 0017, which says what the columns mean. */
export const registry: Migration = {
  version: 6,
  name: 'registry',
  up(exec) {
    exec(`
      CREATE TABLE model_versions (
        project TEXT NOT NULL,
        name TEXT NOT NULL,
        version INTEGER NOT NULL,
        digest TEXT NOT NULL,
        run_id TEXT NOT NULL,
        stage TEXT NOT NULL CHECK (stage IN ('none', 'staging', 'production', 'archived')),
        metrics TEXT NOT NULL,
        tags TEXT NOT NULL,
        created_at TEXT NOT NULL,
        created_by TEXT NOT NULL,
        PRIMARY KEY (project, name, version)
      ) STRICT;
      CREATE UNIQUE INDEX model_versions_once ON model_versions (project, name, digest, run_id);
      CREATE INDEX model_versions_by_run ON model_versions (run_id);

      CREATE TABLE model_aliases (
        project TEXT NOT NULL,
        name TEXT NOT NULL,
        alias TEXT NOT NULL,
        version INTEGER NOT NULL,
        PRIMARY KEY (project, name, alias),
        FOREIGN KEY (project, name, version) REFERENCES model_versions (project, name, version)
      ) STRICT;

      CREATE TABLE model_approvals (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        project TEXT NOT NULL,
        name TEXT NOT NULL,
        version INTEGER NOT NULL,
        actor TEXT NOT NULL,
        decision TEXT NOT NULL CHECK (decision IN ('approved', 'rejected')),
        note TEXT NOT NULL,
        at TEXT NOT NULL,
        FOREIGN KEY (project, name, version) REFERENCES model_versions (project, name, version)
      ) STRICT;
      CREATE INDEX model_approvals_by_version ON model_approvals (project, name, version, seq);
    `)
  },
}
