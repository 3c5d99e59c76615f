import type { Migration } from './migration.ts'

/** A code version keeps what no commit had of it, as a tree of files; empty where a commit had all of it. */
export const uncommittedCode: Migration = {
  version: 32,
  name: 'uncommitted-code',
  up(exec) {
    exec(`ALTER TABLE code_versions ADD COLUMN uncommitted TEXT NOT NULL DEFAULT '';`)
  },
}
