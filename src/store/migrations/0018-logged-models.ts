import type { Generated } from 'kysely'
import type { Migration } from './migration.ts'

export interface LoggedModelTables {
  logged_models: LoggedModelTable
  logged_model_params: LoggedModelLabelTable
  logged_model_tags: LoggedModelLabelTable
  logged_model_metrics: LoggedModelMetricTable
  tracked_datasets: TrackedDatasetTable
  run_datasets: RunDatasetTable
  run_models: RunModelTable
}

/** Times are epoch milliseconds, here and below. */
interface LoggedModelTable {
  seq: Generated<number>
  project: string
  /** `m-` and 32 hexadecimal digits. */
  id: string
  experiment: number
  name: string
  model_type: string
  status: 'PENDING' | 'READY' | 'FAILED'
  /** The id of a run as its maker said it; empty when there is none. */
  source_run: string
  created_ms: number
  updated_ms: number
  deleted_ms: number | null
}

interface LoggedModelLabelTable {
  /** `logged_models.seq`, as in every table of a model's parts. */
  model: number
  key: string
  value: string
}

/** A measurement of a model: every one is kept, and one that is sent twice once. */
interface LoggedModelMetricTable {
  seq: Generated<number>
  model: number
  key: string
  at_ms: number | bigint
  step: number | bigint
  /** The id of the run that measured it. */
  run: string
  /** NULL for NaN. */
  value: number | null
  dataset_name: string | null
  dataset_digest: string | null
}

/** What runs of an experiment say of a dataset; the first one that names it says what it is. */
interface TrackedDatasetTable {
  seq: Generated<number>
  project: string
  experiment: number
  name: string
  digest: string
  source_type: string
  source: string
  schema: string | null
  profile: string | null
}

/** The datasets of a run, with what searches ask of them. */
interface RunDatasetTable {
  /** `runs.seq`. */
  run: number
  position: number
  /** `tracked_datasets.seq`. */
  dataset: number
  name: string
  digest: string
  /** What the run used it for: its tag `mlflow.data.context`. */
  context: string | null
  /** JSON array of `{ key, value }`. */
  tags: string
}

/** Logged models that a run used or made. */
interface RunModelTable {
  /** `runs.seq`. */
  run: number
  direction: 'input' | 'output'
  position: number
  /** The id of a logged model, as the run said it. */
  model: string
  step: number | bigint
}

export const loggedModels: Migration = {
  version: 18,
  name: 'logged-models',
  up(exec) {
    exec(`
      CREATE TABLE logged_models (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        project TEXT NOT NULL,
        id TEXT NOT NULL UNIQUE,
        experiment INTEGER NOT NULL,
        name TEXT NOT NULL,
        model_type TEXT NOT NULL,
        status TEXT NOT NULL CHECK (status IN ('PENDING', 'READY', 'FAILED')),
        source_run TEXT NOT NULL,
        created_ms INTEGER NOT NULL,
        updated_ms INTEGER NOT NULL,
        deleted_ms INTEGER,
        FOREIGN KEY (project, experiment) REFERENCES experiments (project, number)
      ) STRICT;
      CREATE INDEX logged_models_by_experiment
        ON logged_models (project, experiment, created_ms DESC, id);
      CREATE INDEX logged_models_by_run ON logged_models (project, source_run)
        WHERE source_run != '';

      CREATE TABLE logged_model_params (
        model INTEGER NOT NULL REFERENCES logged_models (seq) ON DELETE CASCADE,
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (model, key)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX logged_model_params_by_value ON logged_model_params (key, value);

      CREATE TABLE logged_model_tags (
        model INTEGER NOT NULL REFERENCES logged_models (seq) ON DELETE CASCADE,
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (model, key)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX logged_model_tags_by_value ON logged_model_tags (key, value);

      CREATE TABLE logged_model_metrics (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        model INTEGER NOT NULL REFERENCES logged_models (seq) ON DELETE CASCADE,
        key TEXT NOT NULL,
        at_ms INTEGER NOT NULL,
        step INTEGER NOT NULL,
        run TEXT NOT NULL,
        value REAL,
        dataset_name TEXT,
        dataset_digest TEXT
      ) STRICT;
      CREATE UNIQUE INDEX logged_model_metrics_once
        ON logged_model_metrics (model, key, at_ms, step, run, coalesce(value, 'NaN'));
      CREATE INDEX logged_model_metrics_by_value ON logged_model_metrics (key, value);
    `)
    exec(`
      CREATE TABLE tracked_datasets (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        project TEXT NOT NULL,
        experiment INTEGER NOT NULL,
        name TEXT NOT NULL,
        digest TEXT NOT NULL,
        source_type TEXT NOT NULL,
        source TEXT NOT NULL,
        schema TEXT,
        profile TEXT,
        FOREIGN KEY (project, experiment) REFERENCES experiments (project, number)
      ) STRICT;
      CREATE UNIQUE INDEX tracked_datasets_by_name
        ON tracked_datasets (project, experiment, name, digest);

      CREATE TABLE run_datasets (
        run INTEGER NOT NULL REFERENCES runs (seq) ON DELETE CASCADE,
        position INTEGER NOT NULL,
        dataset INTEGER NOT NULL REFERENCES tracked_datasets (seq),
        name TEXT NOT NULL,
        digest TEXT NOT NULL,
        context TEXT,
        tags TEXT NOT NULL,
        PRIMARY KEY (run, position)
      ) STRICT, WITHOUT ROWID;
      CREATE UNIQUE INDEX run_datasets_by_dataset ON run_datasets (dataset, run);
      CREATE INDEX run_datasets_by_name ON run_datasets (name, digest);
      CREATE INDEX run_datasets_by_context ON run_datasets (context) WHERE context IS NOT NULL;

      CREATE TABLE run_models (
        run INTEGER NOT NULL REFERENCES runs (seq) ON DELETE CASCADE,
        direction TEXT NOT NULL CHECK (direction IN ('input', 'output')),
        position INTEGER NOT NULL,
        model TEXT NOT NULL,
        step INTEGER NOT NULL,
        PRIMARY KEY (run, direction, position)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX run_models_by_model ON run_models (model, direction);
    `)
  },
}
