import type { Migration } from './migration.ts'

export interface PipelineTables {
  pipeline_runs: PipelineRunTable
  step_runs: StepRunTable
  step_cache: StepCacheTable
}

interface PipelineRunTable {
  /** The id of its Run. */
  id: string
  project: string
  pipeline: string
  code_ref: string
  bundle: string
  /** JSON of the PipelineSpec it was started from. */
  spec: string
  params: string
  status: string
  trigger_name: string | null
  started_at: string
  ended_at: string | null
  /** The pipeline run that it is a repetition of. */
  repeats: string | null
  /** When and by whom it was asked to end; it is cancelled once its processes have. */
  cancel_asked_at: string | null
  cancel_asked_by: string | null
  /** The pipeline run whose outputs it goes on from. */
  resumes: string | null
  /** The run of the trial whose work it does. */
  trial: string | null
  /** What of its pipeline's partitions it is for. */
  partition: string | null
}

interface StepRunTable {
  pipeline_run_id: string
  step: string
  position: number
  kind: string
  state: string
  attempt: number
  fence: number
  cache_key: string | null
  /** JSON of the parts that `cache_key` is made of; present for steps that are never reused, too. */
  cache_parts: string | null
  cached: number
  run_id: string | null
  /** JSON, as are `extra`, `outputs` and `error`. */
  inputs: string | null
  /** What the step reads besides its inputs, as it stood when the attempt began. */
  extra: string | null
  outputs: string | null
  error: string | null
  started_at: string | null
  ended_at: string | null
  /** 1 for a step that is executed although the cache may have its outputs. */
  forced: number
}

interface StepCacheTable {
  project: string
  cache_key: string
  outputs: string
  run_id: string
  created_at: string
}

export const pipelines: Migration = {
  version: 7,
  name: 'pipelines',
  up(exec) {
    exec(`
      CREATE TABLE pipeline_runs (
        id TEXT NOT NULL PRIMARY KEY,
        project TEXT NOT NULL,
        pipeline TEXT NOT NULL,
        code_ref TEXT NOT NULL,
        bundle TEXT NOT NULL,
        spec TEXT NOT NULL,
        params TEXT NOT NULL,
        status TEXT NOT NULL,
        trigger_name TEXT,
        started_at TEXT NOT NULL,
        ended_at TEXT
      ) STRICT;
      CREATE INDEX pipeline_runs_by_status ON pipeline_runs (status);
      CREATE INDEX pipeline_runs_by_name ON pipeline_runs (project, pipeline, started_at);
      CREATE TABLE step_runs (
        pipeline_run_id TEXT NOT NULL REFERENCES pipeline_runs (id),
        step TEXT NOT NULL,
        position INTEGER NOT NULL,
        kind TEXT NOT NULL,
        state TEXT NOT NULL,
        attempt INTEGER NOT NULL,
        fence INTEGER NOT NULL,
        cache_key TEXT,
        cache_parts TEXT,
        cached INTEGER NOT NULL,
        run_id TEXT,
        inputs TEXT,
        extra TEXT,
        outputs TEXT,
        error TEXT,
        started_at TEXT,
        ended_at TEXT,
        PRIMARY KEY (pipeline_run_id, step)
      ) STRICT;
      CREATE TABLE step_cache (
        project TEXT NOT NULL,
        cache_key TEXT NOT NULL,
        outputs TEXT NOT NULL,
        run_id TEXT NOT NULL,
        created_at TEXT NOT NULL,
        PRIMARY KEY (project, cache_key)
      ) STRICT;
    `)
  },
}
