import type { Migration } from './migration.ts'

export interface ReleaseShadowTables {
  release_shadows: ReleaseShadowTable
}

/** What shadows answered, summed; additive, a row for each server that asks. Times are milliseconds. */
interface ReleaseShadowTable {
  release_id: string
  writer: string
  compared: number
  agreed: number
  failed: number
  dropped: number
  max_abs_diff: number | null
  primary_ms: number
  shadow_ms: number
}

export const releaseShadows: Migration = {
  version: 35,
  name: 'release-shadows',
  up(exec) {
    exec(`
      CREATE TABLE release_shadows (
        release_id TEXT NOT NULL REFERENCES releases (id),
        writer TEXT NOT NULL,
        compared INTEGER NOT NULL,
        agreed INTEGER NOT NULL,
        failed INTEGER NOT NULL,
        dropped INTEGER NOT NULL,
        max_abs_diff REAL,
        primary_ms REAL NOT NULL,
        shadow_ms REAL NOT NULL,
        PRIMARY KEY (release_id, writer)
      ) STRICT, WITHOUT ROWID;
    `)
  },
}
