import type { Generated } from 'kysely'
import type { Migration } from './migration.ts'

export interface EvaluateTables {
  verdicts: VerdictTable
}

/** One row per model, gate and rules: judging again replaces it, the events keep the history. */
interface VerdictTable {
  /** Grows with every judgement. */
  seq: Generated<number>
  project: string
  model_digest: string
  gate: string
  gate_digest: string
  passed: 0 | 1
  run_id: string
  at: string
  /** JSON of the whole Verdict. */
  body: string
}

export const evaluate: Migration = {
  version: 12,
  name: 'evaluate',
  up(exec) {
    exec(`
      CREATE TABLE verdicts (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        project TEXT NOT NULL,
        model_digest TEXT NOT NULL,
        gate TEXT NOT NULL,
        gate_digest TEXT NOT NULL,
        passed INTEGER NOT NULL CHECK (passed IN (0, 1)),
        run_id TEXT NOT NULL,
        at TEXT NOT NULL,
        body TEXT NOT NULL
      ) STRICT;
      CREATE UNIQUE INDEX verdicts_by_gate ON verdicts (project, model_digest, gate, gate_digest);
    `)
  },
}
