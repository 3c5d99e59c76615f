import type { Migration } from './migration.ts'

export interface RunLogTables {
  run_logs: RunLogTable
}

interface RunLogTable {
  /** `runs.seq`. */
  run: number
  /** How many characters it had printed before these. */
  start: number
  text: string
}

/** Runs that are cancelled, resumed, or started for a trial, and what steps print. */
export const runControl: Migration = {
  version: 26,
  name: 'run-control',
  up(exec) {
    exec(`
      ALTER TABLE pipeline_runs ADD COLUMN cancel_asked_at TEXT;
      ALTER TABLE pipeline_runs ADD COLUMN cancel_asked_by TEXT;
      ALTER TABLE pipeline_runs ADD COLUMN resumes TEXT;
      ALTER TABLE pipeline_runs ADD COLUMN trial TEXT;
      CREATE INDEX pipeline_runs_by_trial ON pipeline_runs (trial) WHERE trial IS NOT NULL;
      ALTER TABLE step_runs ADD COLUMN forced INTEGER NOT NULL DEFAULT 0;
      CREATE TABLE run_logs (
        run INTEGER NOT NULL,
        start INTEGER NOT NULL,
        text TEXT NOT NULL,
        PRIMARY KEY (run, start)
      ) STRICT, WITHOUT ROWID;
    `)
  },
}
