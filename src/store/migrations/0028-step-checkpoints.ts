import type { Migration } from './migration.ts'

export interface StepCheckpointTables {
  step_checkpoints: StepCheckpointTable
}

/** The last checkpoint that a step of a pipeline run has committed. */
interface StepCheckpointTable {
  pipeline_run_id: string
  step: string
  /** The run of the attempt that committed it. */
  run_id: string
  /** The training step it holds, and all before. */
  at_step: number
  committed_ms: number
  digest: string
  bytes: number
  media_type: string
}

export const stepCheckpoints: Migration = {
  version: 28,
  name: 'step-checkpoints',
  up(exec) {
    exec(`
      CREATE TABLE step_checkpoints (
        pipeline_run_id TEXT NOT NULL,
        step TEXT NOT NULL,
        run_id TEXT NOT NULL,
        at_step INTEGER NOT NULL,
        committed_ms INTEGER NOT NULL,
        digest TEXT NOT NULL,
        bytes INTEGER NOT NULL,
        media_type TEXT NOT NULL,
        PRIMARY KEY (pipeline_run_id, step)
      ) STRICT;
    `)
  },
}
