import type { Migration } from './migration.ts'

export interface RunCheckpointTables {
  run_checkpoints: RunCheckpointTable
}

/** What a run of a program outside may be gone on from: the last one that it has told. */
interface RunCheckpointTable {
  /** `runs.seq`. */
  run: number
  /** The training step it holds, and all before. */
  at_step: number
  /** By the clock of who holds the run, as the times of its points. */
  committed_ms: number
  digest: string
  bytes: number
  media_type: string
}

export const runCheckpoints: Migration = {
  version: 31,
  name: 'run-checkpoints',
  up(exec) {
    exec(`
      CREATE TABLE run_checkpoints (
        run INTEGER PRIMARY KEY REFERENCES runs (seq) ON DELETE CASCADE,
        at_step INTEGER NOT NULL,
        committed_ms INTEGER NOT NULL,
        digest TEXT NOT NULL,
        bytes INTEGER NOT NULL,
        media_type TEXT NOT NULL
      ) STRICT;
    `)
  },
}
