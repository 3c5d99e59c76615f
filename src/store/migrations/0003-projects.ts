import type { Generated } from 'kysely'
import type { Migration } from './migration.ts'

export interface ProjectsTables {
  code_versions: CodeVersionTable
}

/** What was applied, in order; the newest of a project is in force. Rows are never changed. */
interface CodeVersionTable {
  seq: Generated<number>
  project: string
  name: string
  /** 1, 2, 3 … within a project and name. */
  version: number
  /** JSON object. */
  manifest: string
  manifest_digest: string
  bundle_digest: string
  actor: string
  applied_at: string
  /** JSON of a CodeSource. */
  source: string
  /** Digest of a tree: what no commit had of it; empty where there is none. */
  uncommitted: Generated<string>
}

export const projects: Migration = {
  version: 3,
  name: 'projects',
  up(exec) {
    exec(`
      CREATE TABLE code_versions (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        project TEXT NOT NULL,
        name TEXT NOT NULL,
        version INTEGER NOT NULL,
        manifest TEXT NOT NULL,
        manifest_digest TEXT NOT NULL,
        bundle_digest TEXT NOT NULL,
        actor TEXT NOT NULL,
        applied_at TEXT NOT NULL,
        UNIQUE (project, name, version)
      ) STRICT;
      CREATE INDEX code_versions_by_project ON code_versions (project, seq);
    `)
  },
}
