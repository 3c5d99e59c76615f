import type { Generated } from 'kysely'
import type { Migration } from './migration.ts'

export interface IssueTables {
  issues: IssueTable
}

/** A fault that several traces show; assessments of kind `issue` say which. */
interface IssueTable {
  seq: Generated<number>
  project: string
  /** `iss-` and 32 hexadecimal digits. */
  id: string
  experiment: number
  name: string
  description: string
  status: 'pending' | 'rejected' | 'resolved'
  severity: 'not_an_issue' | 'low' | 'medium' | 'high' | null
  /** A JSON list of texts, as `categories`. */
  root_causes: string
  categories: string
  source_run: string | null
  created_by: string | null
  /** Epoch milliseconds. */
  created_ms: number
  updated_ms: number
}

export const issues: Migration = {
  version: 21,
  name: 'issues',
  up(exec) {
    exec(`
      CREATE TABLE issues (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        project TEXT NOT NULL,
        id TEXT NOT NULL,
        experiment INTEGER NOT NULL,
        name TEXT NOT NULL,
        description TEXT NOT NULL,
        status TEXT NOT NULL CHECK (status IN ('pending', 'rejected', 'resolved')),
        severity TEXT CHECK (severity IN ('not_an_issue', 'low', 'medium', 'high')),
        root_causes TEXT NOT NULL,
        categories TEXT NOT NULL,
        source_run TEXT,
        created_by TEXT,
        created_ms INTEGER NOT NULL,
        updated_ms INTEGER NOT NULL
      ) STRICT;
      CREATE UNIQUE INDEX issues_by_id ON issues (project, id);
      CREATE INDEX issues_by_experiment ON issues (project, experiment);
    `)
  },
}
