import type { Migration } from './migration.ts'

export interface RoutesTables {
  endpoints: EndpointTable
  routes: RouteTable
}

interface EndpointTable {
  project: string
  name: string
  /** JSON of an `EndpointSpec`. */
  spec: string
  /** The code version that declared it, `code:flights@7`. */
  code: string | null
  updated_at: string
}

/** The one row that decides traffic. It moves by compare-and-set on `rev`. */
interface RouteTable {
  project: string
  endpoint: string
  rev: number
  /** JSON of the arms: stable, previous, canary. */
  arms: string
}

export const routes: Migration = {
  version: 8,
  name: 'routes',
  up(exec) {
    exec(`
      CREATE TABLE endpoints (
        project TEXT NOT NULL,
        name TEXT NOT NULL,
        spec TEXT NOT NULL,
        code TEXT,
        updated_at TEXT NOT NULL,
        PRIMARY KEY (project, name)
      ) STRICT, WITHOUT ROWID;

      CREATE TABLE routes (
        project TEXT NOT NULL,
        endpoint TEXT NOT NULL,
        rev INTEGER NOT NULL CHECK (rev > 0),
        arms TEXT NOT NULL,
        PRIMARY KEY (project, endpoint),
        FOREIGN KEY (project, endpoint) REFERENCES endpoints (project, name)
      ) STRICT, WITHOUT ROWID;
    `)
  },
}
