import type { Migration } from './migration.ts'

/** Until when somebody outside has said that a run goes on: seconds since 1970 by the database's clock. */
export const heldRuns: Migration = {
  version: 25,
  name: 'held-runs',
  up(exec) {
    exec(`
      ALTER TABLE runs ADD COLUMN held_until REAL;
      CREATE INDEX runs_held ON runs (held_until) WHERE held_until IS NOT NULL;
    `)
  },
}
