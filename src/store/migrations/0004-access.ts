import type { Migration } from './migration.ts'

export interface AccessTables {
  keys: KeyTable
}

interface KeyTable {
  id: string
  project: string
  name: string
  role: string
  /** SHA-256 of the secret, hexadecimal. */
  hash: string
  created_at: string
  created_by: string
  revoked_at: string | null
}

export const access: Migration = {
  version: 4,
  name: 'access',
  up(exec) {
    exec(`
      CREATE TABLE keys (
        id TEXT NOT NULL PRIMARY KEY,
        project TEXT NOT NULL,
        name TEXT NOT NULL,
        role TEXT NOT NULL,
        hash TEXT NOT NULL UNIQUE,
        created_at TEXT NOT NULL,
        created_by TEXT NOT NULL,
        revoked_at TEXT
      ) STRICT;
      CREATE UNIQUE INDEX keys_live_name ON keys (project, name) WHERE revoked_at IS NULL;
    `)
  },
}
