import type { Generated } from 'kysely'
import type { Migration } from './migration.ts'

export interface RegisteredModelTables {
  registered_models: RegisteredModelTable
  registered_model_tags: RegisteredModelTagTable
  model_versions: ModelVersionTable
  model_version_tags: ModelVersionTagTable
  model_aliases: ModelAliasTable
  model_alias_moves: ModelAliasMoveTable
  model_approvals: ModelApprovalTable
}

/** A rename here renames every row below; so does a removal. Times are epoch milliseconds. */
interface RegisteredModelTable {
  seq: Generated<number>
  project: string
  name: string
  description: string
  created_ms: number
  updated_ms: number
  /** Set where the name is free again but its numbers are not: something still names its versions. */
  deleted_ms: number | null
}

interface RegisteredModelTagTable {
  /** `registered_models.seq`. */
  model: number
  key: string
  value: string
}

interface ModelVersionTable {
  seq: Generated<number>
  project: string
  name: string
  /** 1, 2, 3 … per name, never given again. */
  version: number
  /** Digest of the model's tree of files; empty for a prompt, which has none. */
  digest: string
  run_id: string | null
  /** The logged model it was made of. */
  model_id: string | null
  /** Where a client said its files are; NULL for a version that Gyre registered by itself. */
  source: string | null
  run_link: string
  description: string | null
  stage: 'none' | 'staging' | 'production' | 'archived'
  /** JSON object. */
  metrics: string
  created_ms: number
  created_by: string
  updated_ms: number
  /** A deleted version keeps its row, so that its number is not given again. */
  deleted_ms: number | null
}

interface ModelVersionTagTable {
  /** `model_versions.seq`. */
  version: number
  key: string
  value: string
}

interface ModelAliasTable {
  project: string
  name: string
  alias: string
  version: number
}

/** Where an alias has pointed, oldest first by `seq`. */
interface ModelAliasMoveTable {
  seq: Generated<number>
  project: string
  name: string
  alias: string
  /** NULL before it was there, and after it was taken away. */
  from_version: number | null
  to_version: number | null
  at_ms: number
  actor: string
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
  /** JSON of GateRef[]: whose verdicts it was given on; null before that was written down. */
  gates: string | null
}

const MS = (column: string) => `CAST(round(unixepoch(${column}, 'subsec') * 1000) AS INTEGER)`

/** The tables of 0006 anew, so that versions may lack a run and hang on their model. */
export const registeredModels: Migration = {
  version: 17,
  name: 'registered-models',
  up(exec) {
    exec(`
      ALTER TABLE model_versions RENAME TO old_versions;
      ALTER TABLE model_aliases RENAME TO old_aliases;
      ALTER TABLE model_approvals RENAME TO old_approvals;
      DROP INDEX model_versions_once;
      DROP INDEX model_versions_by_run;
      DROP INDEX model_approvals_by_version;
    `)
    exec(`
      CREATE TABLE registered_models (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        project TEXT NOT NULL,
        name TEXT NOT NULL,
        description TEXT NOT NULL,
        created_ms INTEGER NOT NULL,
        updated_ms INTEGER NOT NULL,
        deleted_ms INTEGER,
        UNIQUE (project, name)
      ) STRICT;
      INSERT INTO registered_models (project, name, description, created_ms, updated_ms)
        SELECT project, name, '', min(${MS('created_at')}), max(${MS('created_at')})
        FROM old_versions GROUP BY project, name;

      CREATE TABLE registered_model_tags (
        model INTEGER NOT NULL REFERENCES registered_models (seq) ON DELETE CASCADE,
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (model, key)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX registered_model_tags_by_value ON registered_model_tags (key, value);

      CREATE TABLE model_versions (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        project TEXT NOT NULL,
        name TEXT NOT NULL,
        version INTEGER NOT NULL,
        digest TEXT NOT NULL,
        run_id TEXT,
        model_id TEXT,
        source TEXT,
        run_link TEXT NOT NULL DEFAULT '',
        description TEXT,
        stage TEXT NOT NULL CHECK (stage IN ('none', 'staging', 'production', 'archived')),
        metrics TEXT NOT NULL,
        created_ms INTEGER NOT NULL,
        created_by TEXT NOT NULL,
        updated_ms INTEGER NOT NULL,
        deleted_ms INTEGER,
        UNIQUE (project, name, version),
        FOREIGN KEY (project, name) REFERENCES registered_models (project, name)
          ON UPDATE CASCADE ON DELETE CASCADE
      ) STRICT;
      INSERT INTO model_versions (project, name, version, digest, run_id, description, stage, metrics, created_ms,
          created_by, updated_ms)
        SELECT project, name, version, digest, run_id, '', stage, metrics, ${MS('created_at')},
          created_by, ${MS('created_at')}
        FROM old_versions ORDER BY created_at;
      CREATE INDEX model_versions_by_run ON model_versions (run_id) WHERE run_id IS NOT NULL;
      CREATE INDEX model_versions_by_digest ON model_versions (project, name, digest);
      CREATE INDEX model_versions_by_update
        ON model_versions (project, updated_ms DESC, name, version DESC) WHERE deleted_ms IS NULL;

      CREATE TABLE model_version_tags (
        version INTEGER NOT NULL REFERENCES model_versions (seq) ON DELETE CASCADE,
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (version, key)
      ) STRICT, WITHOUT ROWID;
      INSERT INTO model_version_tags (version, key, value)
        SELECT model_versions.seq, member.key, member.value
        FROM old_versions JOIN model_versions USING (project, name, version),
          json_each(old_versions.tags) AS member;
      CREATE INDEX model_version_tags_by_value ON model_version_tags (key, value);
    `)
    exec(`
      CREATE TABLE model_aliases (
        project TEXT NOT NULL,
        name TEXT NOT NULL,
        alias TEXT NOT NULL,
        version INTEGER NOT NULL,
        PRIMARY KEY (project, name, alias),
        FOREIGN KEY (project, name, version) REFERENCES model_versions (project, name, version)
          ON UPDATE CASCADE ON DELETE CASCADE
      ) STRICT;
      INSERT INTO model_aliases SELECT project, name, alias, version FROM old_aliases;
      CREATE INDEX model_aliases_by_version ON model_aliases (project, name, version);

      CREATE TABLE model_alias_moves (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        project TEXT NOT NULL,
        name TEXT NOT NULL,
        alias TEXT NOT NULL,
        from_version INTEGER,
        to_version INTEGER,
        at_ms INTEGER NOT NULL,
        actor TEXT NOT NULL,
        FOREIGN KEY (project, name) REFERENCES registered_models (project, name)
          ON UPDATE CASCADE ON DELETE CASCADE
      ) STRICT;
      CREATE INDEX model_alias_moves_by_model ON model_alias_moves (project, name, seq);
      INSERT INTO model_alias_moves (project, name, alias, from_version, to_version, at_ms, actor)
        SELECT project, substr(subject_id, 1, instr(subject_id, '@') - 1), data ->> 'alias', data ->> 'from',
          data ->> 'to', ${MS('at')}, actor
        FROM events WHERE type = 'model.aliased' ORDER BY seq;

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
          ON UPDATE CASCADE ON DELETE CASCADE
      ) STRICT;
      INSERT INTO model_approvals SELECT seq, project, name, version, actor, decision, note, at
        FROM old_approvals;
      CREATE INDEX model_approvals_by_version ON model_approvals (project, name, version, seq);

      DROP TABLE old_aliases;
      DROP TABLE old_approvals;
      DROP TABLE old_versions;
    `)
  },
}
