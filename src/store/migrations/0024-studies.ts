import type { Generated } from 'kysely'
import type { Migration } from './migration.ts'

export interface StudyTables {
  studies: StudyTable
  study_trials: StudyTrialTable
  study_reports: StudyReportTable
}

interface StudyTable {
  seq: Generated<number>
  project: string
  name: string
  run_id: string
  experiment: number
  /** JSON of a `StudySpec`. */
  spec: string
  /** Asked; of a grid at most as many as it has points. */
  trials: number
}

interface StudyTrialTable {
  /** `studies.seq`. */
  study: number
  /** From 0. */
  number: number
  run_id: string
  /** JSON of parameter → value. */
  params: string
  state: 'running' | 'finished' | 'pruned' | 'failed' | 'lost'
  fence: number
  /** Null for NaN too, which SQLite does not have. */
  value: number | null
  step: number | null
}

interface StudyReportTable {
  study: number
  trial: number
  step: number
  /** Null for NaN. */
  value: number | null
}

export const studies: Migration = {
  version: 24,
  name: 'studies',
  up(exec) {
    exec(`
      CREATE TABLE studies (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        project TEXT NOT NULL,
        name TEXT NOT NULL,
        run_id TEXT NOT NULL,
        experiment INTEGER NOT NULL,
        spec TEXT NOT NULL,
        trials INTEGER NOT NULL,
        UNIQUE (project, name)
      ) STRICT;

      CREATE TABLE study_trials (
        study INTEGER NOT NULL REFERENCES studies (seq),
        number INTEGER NOT NULL,
        run_id TEXT NOT NULL,
        params TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('running', 'finished', 'pruned', 'failed', 'lost')),
        fence INTEGER NOT NULL,
        value REAL,
        step INTEGER,
        PRIMARY KEY (study, number)
      ) STRICT, WITHOUT ROWID;

      CREATE TABLE study_reports (
        study INTEGER NOT NULL,
        trial INTEGER NOT NULL,
        step INTEGER NOT NULL,
        value REAL,
        PRIMARY KEY (study, trial, step),
        FOREIGN KEY (study, trial) REFERENCES study_trials (study, number)
      ) STRICT, WITHOUT ROWID;
    `)
  },
}
