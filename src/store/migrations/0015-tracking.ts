import type { Generated } from 'kysely'
import { encodePoints, inOrder, summarise, type ChunkPoint } from '../metric-chunks.ts'
import type { Migration, Query } from './migration.ts'

export interface TrackingTables {
  experiments: ExperimentTable
  experiment_tags: ExperimentTagTable
  run_params: RunParamTable
  run_tags: RunTagTable
  run_metrics: RunMetricTable
  metric_chunks: MetricChunkTable
}

/** Times are epoch milliseconds, here and below. */
interface ExperimentTable {
  seq: Generated<number>
  project: string
  /** 0 is `Default`. */
  number: number
  name: string
  created_ms: number
  updated_ms: number
  deleted_ms: number | null
}

interface ExperimentTagTable {
  /** `experiments.seq`. */
  experiment: number
  key: string
  value: string
}

interface RunParamTable {
  /** `runs.seq`, as in every table of a run's parts. */
  run: number
  key: string
  value: string
  /** 1 where `value` is JSON, 0 where it is the text itself. */
  is_json: 0 | 1
}

interface RunTagTable {
  run: number
  key: string
  value: string
}

/** The newest point of each key: greatest step, then latest time, then greatest value. */
interface RunMetricTable {
  run: number
  key: string
  /** NULL for NaN, which SQLite cannot store. */
  value: number | null
  step: number | bigint
  at_ms: number | bigint
  /** Number of the chunk that the next one gets; chunks below `merged` are large. */
  chunks: number
  merged: number
  /** Points in the last chunk. */
  tail: number
}

/** Some points of one key of one run, whole (`store/metric-chunks.ts`). */
interface MetricChunkTable {
  run: number
  key: string
  number: number
  /** Times of its earliest and its latest point. */
  from_ms: number | bigint
  until_ms: number | bigint
  /** The first, lowest, highest and last of its points. */
  summary: Uint8Array
  points: Uint8Array
}

export const tracking: Migration = {
  version: 15,
  name: 'tracking',
  up(exec, query) {
    exec(`
      CREATE TABLE experiments (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        project TEXT NOT NULL,
        number INTEGER NOT NULL,
        name TEXT NOT NULL,
        created_ms INTEGER NOT NULL,
        updated_ms INTEGER NOT NULL,
        deleted_ms INTEGER
      ) STRICT;
      CREATE UNIQUE INDEX experiments_by_number ON experiments (project, number);
      CREATE UNIQUE INDEX experiments_by_name ON experiments (project, name);

      CREATE TABLE experiment_tags (
        experiment INTEGER NOT NULL REFERENCES experiments (seq),
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (experiment, key)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX experiment_tags_by_value ON experiment_tags (key, value);

      ALTER TABLE runs ADD COLUMN experiment INTEGER;
      ALTER TABLE runs ADD COLUMN phase TEXT;
      ALTER TABLE runs ADD COLUMN user_id TEXT;
      ALTER TABLE runs ADD COLUMN start_ms INTEGER NOT NULL DEFAULT 0;
      ALTER TABLE runs ADD COLUMN end_ms INTEGER;
      ALTER TABLE runs ADD COLUMN deleted_ms INTEGER;
      UPDATE runs SET
        start_ms = CAST(round(unixepoch(started_at, 'subsec') * 1000) AS INTEGER),
        end_ms = CAST(round(unixepoch(ended_at, 'subsec') * 1000) AS INTEGER);
      CREATE INDEX runs_by_experiment ON runs (project, experiment, start_ms DESC, id, deleted_ms)
        WHERE experiment IS NOT NULL;

      CREATE TABLE run_params (
        run INTEGER NOT NULL REFERENCES runs (seq) ON DELETE CASCADE,
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        is_json INTEGER NOT NULL,
        PRIMARY KEY (run, key)
      ) STRICT, WITHOUT ROWID;
      INSERT INTO run_params (run, key, value, is_json)
        SELECT runs.seq, member.key,
          CASE member.type
            WHEN 'text' THEN member.value
            WHEN 'true' THEN 'true'
            WHEN 'false' THEN 'false'
            WHEN 'null' THEN 'null'
            ELSE CAST(member.value AS TEXT)
          END,
          member.type != 'text'
        FROM runs, json_each(runs.params) AS member;
      CREATE INDEX run_params_by_value ON run_params (key, value);

      CREATE TABLE run_tags (
        run INTEGER NOT NULL REFERENCES runs (seq) ON DELETE CASCADE,
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (run, key)
      ) STRICT, WITHOUT ROWID;
      INSERT INTO run_tags (run, key, value)
        SELECT runs.seq, member.key, member.value FROM runs, json_each(runs.tags) AS member;
      CREATE INDEX run_tags_by_value ON run_tags (key, value);

      ALTER TABLE runs DROP COLUMN params;
      ALTER TABLE runs DROP COLUMN tags;
    `)
    exec(`
      ALTER TABLE run_metrics RENAME TO old_metrics;
      DROP INDEX run_metrics_by_value;
      CREATE TABLE run_metrics (
        run INTEGER NOT NULL REFERENCES runs (seq) ON DELETE CASCADE,
        key TEXT NOT NULL,
        value REAL,
        step INTEGER NOT NULL,
        at_ms INTEGER NOT NULL,
        chunks INTEGER NOT NULL,
        merged INTEGER NOT NULL,
        tail INTEGER NOT NULL,
        PRIMARY KEY (run, key)
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE metric_chunks (
        run INTEGER NOT NULL REFERENCES runs (seq) ON DELETE CASCADE,
        key TEXT NOT NULL,
        number INTEGER NOT NULL,
        from_ms INTEGER NOT NULL,
        until_ms INTEGER NOT NULL,
        summary BLOB NOT NULL,
        points BLOB NOT NULL
      ) STRICT;
      CREATE UNIQUE INDEX metric_chunks_by_key ON metric_chunks (run, key, number);
    `)
    for (const { run, key } of query(OLD_KEYS)) moveHistory(query, Number(run), String(key))
    exec(`
      DROP TABLE run_metric_points;
      DROP TABLE old_metrics;
      CREATE INDEX run_metrics_by_value ON run_metrics (key, value);
    `)
  },
}

const OLD_KEYS = `
  SELECT DISTINCT runs.seq AS run, points.key FROM run_metric_points AS points
  JOIN runs ON runs.id = points.run_id`

const OLD_POINTS = `
  SELECT value, step, CAST(round(unixepoch(at, 'subsec') * 1000) AS INTEGER) AS at_ms
  FROM run_metric_points WHERE run_id = (SELECT id FROM runs WHERE seq = ?) AND key = ?`

/** All points of one key become one chunk, and its newest point as it was. */
function moveHistory(query: Query, run: number, key: string): void {
  const points = inOrder(query(OLD_POINTS, [run, key]).map(toPoint))
  query('INSERT INTO metric_chunks VALUES (?, ?, 0, ?, ?, ?, ?)', [
    run,
    key,
    points[0]?.atMs ?? 0,
    points.at(-1)?.atMs ?? 0,
    summarise(points),
    encodePoints(points),
  ])
  query(
    `INSERT INTO run_metrics (run, key, value, step, at_ms, chunks, merged, tail)
      SELECT ?, key, value, step, CAST(round(unixepoch(at, 'subsec') * 1000) AS INTEGER), 1, 0, ?
      FROM old_metrics WHERE run_id = (SELECT id FROM runs WHERE seq = ?) AND key = ?`,
    [run, points.length, run, key],
  )
}

function toPoint({ value, step, at_ms }: Readonly<Record<string, unknown>>): ChunkPoint {
  return {
    value: value === null ? Number.NaN : Number(value),
    step: Number(step),
    atMs: Number(at_ms),
  }
}
