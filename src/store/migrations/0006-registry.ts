import type { Generated } from 'kysely'
import type { Migration } from './migration.ts'

export interface RegistryTables {
  model_versions: ModelVersionTable
  model_aliases: ModelAliasTable
  model_approvals: ModelApprovalTable
}

interface ModelVersionTable {
  project: string
  name: string
  /** 1, 2, 3 … per name. */
  version: number
  /** Digest of the model's tree of files. */
  digest: string
  run_id: string
  stage: 'none' | 'staging' | 'production' | 'archived'
  /** JSON object, as is `tags`. */
  metrics: string
  tags: string
  created_at: string
  created_by: string
}

interface ModelAliasTable {
  project: string
  name: string
  alias: string
  version: number
}

interface ModelApprovalTable {
  /** Order of decision; the last one counts. */
  seq: Generated<number>
  project: string
  name: string
  version: number
  actor: string
  decision: 'approved' | 'rejected'
  note: string
  at: string
}

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
