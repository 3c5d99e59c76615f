import type { Migration } from './migration.ts'

export interface ImportTables {
  run_imports: RunImportTable
  run_import_series: RunImportSeriesTable
}

/** Runs that came from another tracker, as they were there when they last came. */
interface RunImportTable {
  /** `runs.seq`, here and below. */
  run: number
  format: 'mlflow' | 'wandb'
  name: string
  phase: string
  /** Epoch milliseconds, as `deleted_ms`. */
  end_ms: number | null
  deleted_ms: number | null
}

/** How much of a metric has come: an import that was cut off goes on there. */
interface RunImportSeriesTable {
  run: number
  key: string
  points: number
  /** CRC-32 of the bytes of those points, in the order in which they came. */
  crc: number
}

export const imports: Migration = {
  version: 20,
  name: 'imports',
  up(exec) {
    exec(`
      CREATE TABLE run_imports (
        run INTEGER PRIMARY KEY REFERENCES runs (seq) ON DELETE CASCADE,
        format TEXT NOT NULL CHECK (format IN ('mlflow', 'wandb')),
        name TEXT NOT NULL,
        phase TEXT NOT NULL,
        end_ms INTEGER,
        deleted_ms INTEGER
      ) STRICT;

      CREATE TABLE run_import_series (
        run INTEGER NOT NULL REFERENCES run_imports (run) ON DELETE CASCADE,
        key TEXT NOT NULL,
        points INTEGER NOT NULL,
        crc INTEGER NOT NULL,
        PRIMARY KEY (run, key)
      ) STRICT, WITHOUT ROWID;
    `)
  },
}
