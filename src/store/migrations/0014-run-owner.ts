import type { Migration } from './migration.ts'

/** Which runs nobody but the server that started them can end. */
export const runOwner: Migration = {
  version: 14,
  name: 'run-owner',
  up(exec) {
    exec(`
      ALTER TABLE runs ADD COLUMN ends_with_server INTEGER NOT NULL DEFAULT 0;
      CREATE INDEX runs_of_the_server ON runs (seq) WHERE ends_with_server = 1 AND status = 'running';
    `)
  },
}
