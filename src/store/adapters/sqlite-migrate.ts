import { GyreError } from '../../core/errors.ts'
import type { Migration } from '../migrations/migration.ts'
import type { Database } from './sqlite-binding.ts'

const MIGRATIONS_TABLE = `CREATE TABLE IF NOT EXISTS migrations (
  version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at TEXT NOT NULL) STRICT`

/**
 * Runs what this database has not run yet, each migration in one transaction with its row in `migrations`: a
 * crash leaves it done or not begun. Throws NEWER_DATABASE when the database knows a version this program
 * does not.
 */
export function migrate(database: Database, migrations: readonly Migration[], at: string): void {
  database.exec(MIGRATIONS_TABLE)
  const applied = new Set<unknown>()
  for (const row of database.prepare('SELECT version FROM migrations').all())
    applied.add(row.version)
  refuseNewer(applied, migrations)
  const pending = migrations.filter((migration) => !applied.has(migration.version))
  for (const migration of pending.toSorted((a, b) => a.version - b.version))
    apply(database, migration, at)
}

function refuseNewer(applied: ReadonlySet<unknown>, migrations: readonly Migration[]): void {
  const known = new Set<unknown>(migrations.map((migration) => migration.version))
  const unknown = [...applied].filter((version) => !known.has(version))
  if (unknown.length === 0) return
  throw new GyreError(
    'NEWER_DATABASE',
    `the data folder was written by a newer Gyre (schema ${Math.max(...unknown.map(Number))}, this one knows ${Math.max(...migrations.map((migration) => migration.version))}): start that version`,
    { versions: unknown },
  )
}

function apply(database: Database, migration: Migration, at: string): void {
  database.exec('BEGIN IMMEDIATE')
  try {
    migration.up(
      (sql) => database.exec(sql),
      (sql, params = []) => database.prepare(sql).all(...params),
    )
    database
      .prepare('INSERT INTO migrations (version, name, applied_at) VALUES (?, ?, ?)')
      .run(migration.version, migration.name, at)
    database.exec('COMMIT')
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}
