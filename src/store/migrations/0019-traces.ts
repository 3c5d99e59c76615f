import type { Generated } from 'kysely'
import type { Migration } from './migration.ts'

export interface TraceTables {
  traces: TraceTable
  trace_tags: TraceLabelTable
  trace_metadata: TraceLabelTable
  trace_spans: TraceSpanTable
  trace_runs: TraceRunTable
  trace_prompts: TracePromptTable
  assessments: AssessmentTable
}

/** Times are epoch milliseconds, here and below. */
interface TraceTable {
  seq: Generated<number>
  project: string
  /** `tr-` and the 32 hexadecimal digits of OpenTelemetry's id. */
  id: string
  experiment: number
  start_ms: number
  duration_ms: number | null
  state: 'STATE_UNSPECIFIED' | 'OK' | 'ERROR' | 'IN_PROGRESS'
  request_preview: string | null
  response_preview: string | null
  client_request_id: string | null
  /** 1 once its client has told of it as a whole: its spans change none of this any more. */
  told: 0 | 1
}

interface TraceLabelTable {
  /** `traces.seq`, as in every table of a trace's parts. */
  trace: number
  key: string
  value: string
}

interface TraceSpanTable {
  trace: number
  /** 16 hexadecimal digits; so is `parent`. */
  id: string
  parent: string | null
  name: string
  type: string | null
  status: 'UNSET' | 'OK' | 'ERROR'
  start_ns: number | bigint
  /** All of it, as OTLP's JSON (`core/formats/otlp.ts`). */
  content: string
}

/** A trace that somebody linked to a run; where it was made is in its metadata. */
interface TraceRunTable {
  trace: number
  run: string
}

interface TracePromptTable {
  trace: number
  /** `NAME/VERSION` */
  prompt: string
}

interface AssessmentTable {
  seq: Generated<number>
  trace: number
  id: string
  kind: 'feedback' | 'expectation' | 'issue'
  /** Of an issue its id. */
  name: string
  /** JSON; of an issue its name. */
  value: string
  /** JSON; why there is no value. */
  error: string | null
  /** HUMAN, LLM_JUDGE, CODE or anything else. */
  source_type: string
  source_id: string | null
  span: string | null
  rationale: string | null
  /** The assessment in whose place it is. */
  overrides: string | null
  /** 0 while another is in its place. */
  valid: 0 | 1
  /** A JSON object of texts. */
  metadata: string
  created_ms: number
  updated_ms: number
}

export const traces: Migration = {
  version: 19,
  name: 'traces',
  up(exec) {
    exec(`
      CREATE TABLE traces (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        project TEXT NOT NULL,
        id TEXT NOT NULL,
        experiment INTEGER NOT NULL,
        start_ms INTEGER NOT NULL,
        duration_ms INTEGER,
        state TEXT NOT NULL,
        request_preview TEXT,
        response_preview TEXT,
        client_request_id TEXT,
        told INTEGER NOT NULL
      ) STRICT;
      CREATE UNIQUE INDEX traces_by_id ON traces (project, id);
      CREATE INDEX traces_by_experiment ON traces (project, experiment, start_ms DESC, id);

      CREATE TABLE trace_tags (
        trace INTEGER NOT NULL REFERENCES traces (seq) ON DELETE CASCADE,
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (trace, key)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX trace_tags_by_value ON trace_tags (key, value);

      CREATE TABLE trace_metadata (
        trace INTEGER NOT NULL REFERENCES traces (seq) ON DELETE CASCADE,
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (trace, key)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX trace_metadata_by_value ON trace_metadata (key, value);

      CREATE TABLE trace_spans (
        trace INTEGER NOT NULL REFERENCES traces (seq) ON DELETE CASCADE,
        id TEXT NOT NULL,
        parent TEXT,
        name TEXT NOT NULL,
        type TEXT,
        status TEXT NOT NULL,
        start_ns INTEGER NOT NULL,
        content TEXT NOT NULL
      ) STRICT;
      CREATE UNIQUE INDEX trace_spans_by_id ON trace_spans (trace, id);

      CREATE TABLE trace_runs (
        trace INTEGER NOT NULL REFERENCES traces (seq) ON DELETE CASCADE,
        run TEXT NOT NULL,
        PRIMARY KEY (trace, run)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX trace_runs_by_run ON trace_runs (run);

      CREATE TABLE trace_prompts (
        trace INTEGER NOT NULL REFERENCES traces (seq) ON DELETE CASCADE,
        prompt TEXT NOT NULL,
        PRIMARY KEY (trace, prompt)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX trace_prompts_by_prompt ON trace_prompts (prompt);

      CREATE TABLE assessments (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        trace INTEGER NOT NULL REFERENCES traces (seq) ON DELETE CASCADE,
        id TEXT NOT NULL,
        kind TEXT NOT NULL,
        name TEXT NOT NULL,
        value TEXT NOT NULL,
        error TEXT,
        source_type TEXT NOT NULL,
        source_id TEXT,
        span TEXT,
        rationale TEXT,
        overrides TEXT,
        valid INTEGER NOT NULL,
        metadata TEXT NOT NULL,
        created_ms INTEGER NOT NULL,
        updated_ms INTEGER NOT NULL
      ) STRICT;
      CREATE UNIQUE INDEX assessments_by_id ON assessments (trace, id);
      CREATE INDEX assessments_by_name ON assessments (kind, name);
    `)
  },
}
