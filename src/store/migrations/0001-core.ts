import type { Generated } from 'kysely'
import type { Migration } from './migration.ts'

export interface CoreTables {
  migrations: MigrationTable
  events: EventTable
  runs: RunTable
  run_refs: RunRefTable
  leases: LeaseTable
  segments: SegmentTable
}

interface MigrationTable {
  version: number
  name: string
  applied_at: string
}

interface EventTable {
  seq: number
  id: string
  at: string
  type: string
  actor: string
  project: string
  subject_kind: string
  subject_id: string
  /** JSON object. */
  data: string
  prev_hash: string
  hash: string
}

interface RunTable {
  /** Order of creation. */
  seq: Generated<number>
  id: string
  project: string
  kind: string
  name: string
  status: string
  parent_id: string | null
  started_at: string
  ended_at: string | null
  actor: string
  /** JSON object, as are `environment` and `error`. */
  code: string | null
  environment: string
  error: string | null
  seed: number | null
  /** 1 for a run that cannot outlive its server. Added by 0014. */
  ends_with_server: Generated<number>
  /** Number of the experiment a client logs it under; NULL for a run of Gyre's own. Added by 0015, as are those below. */
  experiment: number | null
  /** What the client last said of it: `RUNNING`, `SCHEDULED`, `FINISHED`, `FAILED`, `KILLED`. */
  phase: string | null
  user_id: string | null
  /** Epoch milliseconds, as a client tells them. */
  start_ms: number | bigint
  end_ms: number | bigint | null
  deleted_ms: number | null
  /** A run that a program outside keeps by saying so; NULL for all others. Added by 0025. */
  held_until: Generated<number | null>
}

interface RunRefTable {
  run_id: string
  direction: 'input' | 'output'
  position: number
  ref: string
  role: string
  digest: string | null
}

interface LeaseTable {
  name: string
  holder: string
  /** Grows by one with every acquisition, for ever. */
  fence: number
  /** Seconds since 1970 by the database's own clock. */
  expires_at: number
}

/** The files of the row streams. A file that is not named here does not exist. */
interface SegmentTable {
  seq: Generated<number>
  stream: string
  /** Relative to the rows folder. */
  path: string
  /** `live`: NDJSON being written; `sealed`: NDJSON waiting to become Parquet; `parquet`. */
  state: 'live' | 'sealed' | 'parquet'
  /** 0 while live: nobody has counted yet. */
  rows: number
  bytes: number
  created_at: string
}

export const core: Migration = {
  version: 1,
  name: 'core',
  up(exec) {
    exec(`
      CREATE TABLE events (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        at TEXT NOT NULL,
        type TEXT NOT NULL,
        actor TEXT NOT NULL,
        project TEXT NOT NULL,
        subject_kind TEXT NOT NULL,
        subject_id TEXT NOT NULL,
        data TEXT NOT NULL,
        prev_hash TEXT NOT NULL,
        hash TEXT NOT NULL
      ) STRICT;
      CREATE INDEX events_by_subject ON events (project, subject_kind, subject_id, seq);
      CREATE INDEX events_by_type ON events (project, type, seq);
    `)
    exec(`
      CREATE TABLE runs (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        project TEXT NOT NULL,
        kind TEXT NOT NULL,
        name TEXT NOT NULL,
        status TEXT NOT NULL CHECK (status IN ('running', 'succeeded', 'failed', 'lost', 'cancelled')),
        parent_id TEXT REFERENCES runs (id),
        started_at TEXT NOT NULL,
        ended_at TEXT,
        actor TEXT NOT NULL,
        params TEXT NOT NULL,
        tags TEXT NOT NULL,
        code TEXT,
        environment TEXT NOT NULL,
        error TEXT,
        seed INTEGER
      ) STRICT;
      CREATE INDEX runs_by_kind ON runs (project, kind, seq);
      CREATE INDEX runs_by_status ON runs (project, status, seq);
      CREATE INDEX runs_by_parent ON runs (parent_id) WHERE parent_id IS NOT NULL;

      CREATE TABLE run_refs (
        run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        direction TEXT NOT NULL CHECK (direction IN ('input', 'output')),
        position INTEGER NOT NULL,
        ref TEXT NOT NULL,
        role TEXT NOT NULL,
        digest TEXT,
        PRIMARY KEY (run_id, direction, position)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX run_refs_by_ref ON run_refs (ref, direction);

      CREATE TABLE run_metrics (
        run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        key TEXT NOT NULL,
        value REAL,
        step INTEGER NOT NULL,
        at TEXT NOT NULL,
        PRIMARY KEY (run_id, key)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX run_metrics_by_value ON run_metrics (key, value);

      CREATE TABLE run_metric_points (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        key TEXT NOT NULL,
        value REAL,
        step INTEGER NOT NULL,
        at TEXT NOT NULL
      ) STRICT;
      CREATE INDEX run_metric_points_by_key ON run_metric_points (run_id, key, step, seq);
    `)
    exec(`
      CREATE TABLE leases (
        name TEXT PRIMARY KEY,
        holder TEXT NOT NULL,
        fence INTEGER NOT NULL,
        expires_at REAL NOT NULL
      ) STRICT;

      CREATE TABLE segments (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        stream TEXT NOT NULL,
        path TEXT NOT NULL UNIQUE,
        state TEXT NOT NULL CHECK (state IN ('live', 'sealed', 'parquet')),
        rows INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        created_at TEXT NOT NULL
      ) STRICT;
      CREATE INDEX segments_by_stream ON segments (stream, seq);
    `)
  },
}
