import type { Migration } from './migration.ts'

export interface MonitorTables {
  monitor_windows: MonitorWindowTable
  alerts: AlertTable
}

interface MonitorWindowTable {
  project: string
  monitor: string
  endpoint: string
  /** ISO, event time; half open. */
  start_at: string
  end_at: string
  /** 1 for a window judged before its end: the whole one takes its place. */
  partial: 0 | 1
  /** JSON of the MonitorWindow. */
  body: string
  evaluated_at: string
}

interface AlertTable {
  id: string
  project: string
  monitor: string
  /** What is wrong with what: a second alert under a firing key is the same alert. */
  key: string
  state: 'firing' | 'resolved'
  message: string
  opened_at: string
  at: string
  resolved_at: string | null
}

export const monitor: Migration = {
  version: 9,
  name: 'monitor',
  up(exec) {
    exec(`
      CREATE TABLE monitor_windows (
        project TEXT NOT NULL,
        monitor TEXT NOT NULL,
        endpoint TEXT NOT NULL,
        start_at TEXT NOT NULL,
        end_at TEXT NOT NULL,
        partial INTEGER NOT NULL CHECK (partial IN (0, 1)),
        body TEXT NOT NULL,
        evaluated_at TEXT NOT NULL,
        PRIMARY KEY (project, monitor, start_at)
      ) STRICT;

      CREATE TABLE alerts (
        id TEXT NOT NULL PRIMARY KEY,
        project TEXT NOT NULL,
        monitor TEXT NOT NULL,
        key TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('firing', 'resolved')),
        message TEXT NOT NULL,
        opened_at TEXT NOT NULL,
        at TEXT NOT NULL,
        resolved_at TEXT
      ) STRICT;
      CREATE UNIQUE INDEX alerts_firing_once ON alerts (project, monitor, key) WHERE state = 'firing';
    `)
  },
}
