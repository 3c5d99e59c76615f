import type { Migration } from './migration.ts'

export interface EvaluationSetTables {
  evaluation_sets: EvaluationSetTable
}

/** Rows that a gate has judged on: a version of its evaluation set, never changed. */
interface EvaluationSetTable {
  project: string
  /** The gate. */
  name: string
  version: number
  /** Of the rows as a Parquet file. */
  digest: string
  /** JSON of the whole RowSet. */
  body: string
  run_id: string
  at: string
}

export const evaluationSets: Migration = {
  version: 22,
  name: 'evaluation-sets',
  up(exec) {
    exec(`
      CREATE TABLE evaluation_sets (
        project TEXT NOT NULL,
        name TEXT NOT NULL,
        version INTEGER NOT NULL,
        digest TEXT NOT NULL,
        body TEXT NOT NULL,
        run_id TEXT NOT NULL,
        at TEXT NOT NULL,
        PRIMARY KEY (project, name, version)
      ) STRICT;
      CREATE UNIQUE INDEX evaluation_sets_by_digest ON evaluation_sets (project, name, digest);
      CREATE TRIGGER evaluation_sets_stay BEFORE UPDATE ON evaluation_sets
        BEGIN SELECT RAISE(ABORT, 'an evaluation set never changes'); END;
    `)
  },
}
