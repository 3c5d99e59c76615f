import type { Migration } from './migration.ts'

/** Where applied code came from, and which pipeline runs repeat another. */
export const runFacts: Migration = {
  version: 23,
  name: 'run-facts',
  up(exec) {
    exec(`
      ALTER TABLE code_versions ADD COLUMN source TEXT NOT NULL DEFAULT '{}';
      ALTER TABLE pipeline_runs ADD COLUMN repeats TEXT;
    `)
  },
}
