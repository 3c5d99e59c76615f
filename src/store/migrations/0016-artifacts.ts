import type { Migration } from './migration.ts'

export interface ArtifactTables {
  artifact_files: ArtifactFileTable
  artifact_uploads: ArtifactUploadTable
  artifact_upload_parts: ArtifactUploadPartTable
}

/** The files of a run or a logged model; folders are what their paths say. */
interface ArtifactFileTable {
  project: string
  /** `run:ID` or `logged-model:ID`. */
  root: string
  path: string
  digest: string
  bytes: number
  media_type: string
  /** Epoch milliseconds, here and below. */
  at_ms: number
}

/** A file that comes in parts, and is none until they are all there. */
interface ArtifactUploadTable {
  id: string
  project: string
  root: string
  path: string
  /** Who began it, and alone may end it. */
  actor: string
  /** Digest of what a part must come with. */
  secret: string
  parts: number
  /** Of every part but the last, once one of them has come. */
  part_bytes: number | null
  /** Of the whole, once a completion has found all parts as they came. */
  digest: string | null
  at_ms: number
}

interface ArtifactUploadPartTable {
  upload: string
  /** From 1. */
  number: number
  digest: string
  bytes: number
}

export const artifacts: Migration = {
  version: 16,
  name: 'artifacts',
  up(exec) {
    exec(`
      CREATE TABLE artifact_files (
        project TEXT NOT NULL,
        root TEXT NOT NULL,
        path TEXT NOT NULL,
        digest TEXT NOT NULL,
        bytes INTEGER NOT NULL,
        media_type TEXT NOT NULL,
        at_ms INTEGER NOT NULL,
        PRIMARY KEY (project, root, path)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX artifact_files_by_digest ON artifact_files (digest);

      CREATE TABLE artifact_uploads (
        id TEXT PRIMARY KEY,
        project TEXT NOT NULL,
        root TEXT NOT NULL,
        path TEXT NOT NULL,
        actor TEXT NOT NULL,
        secret TEXT NOT NULL,
        parts INTEGER NOT NULL,
        part_bytes INTEGER,
        digest TEXT,
        at_ms INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX artifact_uploads_by_age ON artifact_uploads (at_ms);

      CREATE TABLE artifact_upload_parts (
        upload TEXT NOT NULL REFERENCES artifact_uploads (id) ON DELETE CASCADE,
        number INTEGER NOT NULL,
        digest TEXT NOT NULL,
        bytes INTEGER NOT NULL,
        PRIMARY KEY (upload, number)
      ) STRICT, WITHOUT ROWID;
    `)
  },
}
