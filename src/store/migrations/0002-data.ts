import type { Migration } from './migration.ts'

/** Dataset versions, feature views and what was computed and materialized from them. */
export interface DataTables {
  dataset_versions: DatasetVersionTable
  feature_views: FeatureViewTable
  feature_files: FeatureFileTable
  feature_watermarks: FeatureWatermarkTable
}

interface DatasetVersionTable {
  project: string
  name: string
  version: number
  digest: string
  source_digest: string
  /** Digest of spec and source file together: equal imports have equal ones. */
  import_digest: string
  /** JSON, as are `checks` and `profile`. */
  spec: string
  rows: number
  run_id: string
  created_at: string
  checks: string
  profile: string
}

interface FeatureViewTable {
  project: string
  name: string
  version: number
  /** Digest of the spec's JSON. */
  digest: string
  spec: string
  created_at: string
}

/** Offline rows of a view over one version of its dataset. */
interface FeatureFileTable {
  project: string
  view_digest: string
  dataset_digest: string
  digest: string
  rows: number
  run_id: string
  created_at: string
}

/** Rows of the view up to and including `until_ms` (epoch) are readable online. */
interface FeatureWatermarkTable {
  project: string
  view: string
  until_ms: number
}

export const data: Migration = {
  version: 2,
  name: 'data',
  up(exec) {
    exec(`
      CREATE TABLE dataset_versions (
        project TEXT NOT NULL,
        name TEXT NOT NULL,
        version INTEGER NOT NULL,
        digest TEXT NOT NULL,
        source_digest TEXT NOT NULL,
        import_digest TEXT NOT NULL,
        spec TEXT NOT NULL,
        rows INTEGER NOT NULL,
        run_id TEXT NOT NULL REFERENCES runs (id),
        created_at TEXT NOT NULL,
        checks TEXT NOT NULL,
        profile TEXT NOT NULL,
        PRIMARY KEY (project, name, version)
      ) STRICT;
    `)
    exec(`
      CREATE TABLE feature_views (
        project TEXT NOT NULL,
        name TEXT NOT NULL,
        version INTEGER NOT NULL,
        digest TEXT NOT NULL,
        spec TEXT NOT NULL,
        created_at TEXT NOT NULL,
        PRIMARY KEY (project, name, version)
      ) STRICT, WITHOUT ROWID;

      CREATE TABLE feature_files (
        project TEXT NOT NULL,
        view_digest TEXT NOT NULL,
        dataset_digest TEXT NOT NULL,
        digest TEXT NOT NULL,
        rows INTEGER NOT NULL,
        run_id TEXT NOT NULL REFERENCES runs (id),
        created_at TEXT NOT NULL,
        PRIMARY KEY (project, view_digest, dataset_digest)
      ) STRICT, WITHOUT ROWID;

      CREATE TABLE feature_watermarks (
        project TEXT NOT NULL,
        view TEXT NOT NULL,
        until_ms INTEGER NOT NULL,
        PRIMARY KEY (project, view)
      ) STRICT, WITHOUT ROWID;
    `)
  },
}
