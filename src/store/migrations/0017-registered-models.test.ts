import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openDatabase } from '../adapters/sqlite-binding.ts'
import { migrate } from '../adapters/sqlite-migrate.ts'
import { tempFolder } from '../contract/temp-folder.ts'
import { MIGRATIONS } from './migrations.ts'

const AT = '2001-01-01T00:00:00.000Z'

/** The members of a row of the old table. */
function version(name: string, number: number, ms: number, tags: string): string {
  return `('p', '${name}', ${number}, 'sha256:${number}', 'run_${number}', 'staging', '{"auc":0.7}', '${tags}',
    '${new Date(ms).toISOString()}', 'key:ada')`
}

/** A database as 0016 leaves it, with two versions of one model and one of another. */
async function openOld() {
  const database = openDatabase(join(await tempFolder(), 'test.db'))
  onTestFinished(() => database.close())
  database.exec('PRAGMA foreign_keys = ON')
  migrate(
    database,
    MIGRATIONS.filter((migration) => migration.version < 17),
    AT,
  )
  database.exec(`
    INSERT INTO model_versions (project, name, version, digest, run_id, stage, metrics, tags, created_at, created_by)
      VALUES ${version('delay', 1, 1001, '{}')}, ${version('delay', 2, 2002, '{"a":"1","b":""}')},
        ${version('churn', 1, 3003, '{}')};
    INSERT INTO model_aliases VALUES ('p', 'delay', 'champion', 2);
    INSERT INTO model_approvals (seq, project, name, version, actor, decision, note, at)
      VALUES (7, 'p', 'delay', 2, 'key:ada', 'approved', 'ok', '${AT}');
    INSERT INTO events (seq, id, at, type, actor, project, subject_kind, subject_id, data, prev_hash, hash) VALUES
      (1, 'e1', '${AT}', 'model.aliased', 'key:ada', 'p', 'model', 'delay@1', '{"alias":"champion","from":null,"to":1}', '', ''),
      (2, 'e2', '${AT}', 'model.aliased', 'key:bob', 'p', 'model', 'delay@2', '{"alias":"champion","from":1,"to":2}', '', '')`)
  return database
}

test('versions, aliases and approvals are as they were, on a model each', async () => {
  const database = await openOld()
  migrate(database, MIGRATIONS, AT)
  const all = (sql: string): unknown[] => database.prepare(sql).all()
  expect(all('SELECT name, description, created_ms, updated_ms FROM registered_models')).toEqual([
    { name: 'churn', description: '', created_ms: 3003, updated_ms: 3003 },
    { name: 'delay', description: '', created_ms: 1001, updated_ms: 2002 },
  ])
  expect(
    all('SELECT * FROM model_versions WHERE version = 2').map((row) => Object.assign({}, row)),
  ).toMatchObject([
    {
      project: 'p',
      name: 'delay',
      version: 2,
      digest: 'sha256:2',
      run_id: 'run_2',
      model_id: null,
      source: null,
      run_link: '',
      description: '',
      stage: 'staging',
      metrics: '{"auc":0.7}',
      created_ms: 2002,
      created_by: 'key:ada',
      updated_ms: 2002,
      deleted_ms: null,
    },
  ])
  expect(
    all(`SELECT model_versions.name, model_versions.version, key, value
      FROM model_version_tags JOIN model_versions ON seq = model_version_tags.version ORDER BY key`),
  ).toEqual([
    { name: 'delay', version: 2, key: 'a', value: '1' },
    { name: 'delay', version: 2, key: 'b', value: '' },
  ])
  expect(all('SELECT name, alias, version FROM model_aliases')).toEqual([
    { name: 'delay', alias: 'champion', version: 2 },
  ])
  expect(all('SELECT seq, version, actor, note FROM model_approvals')).toEqual([
    { seq: 7, version: 2, actor: 'key:ada', note: 'ok' },
  ])
  expect(
    all('SELECT name, alias, from_version, to_version, at_ms, actor FROM model_alias_moves'),
  ).toEqual([
    {
      name: 'delay',
      alias: 'champion',
      from_version: null,
      to_version: 1,
      at_ms: Date.parse(AT),
      actor: 'key:ada',
    },
    {
      name: 'delay',
      alias: 'champion',
      from_version: 1,
      to_version: 2,
      at_ms: Date.parse(AT),
      actor: 'key:bob',
    },
  ])
})

test('one rename renames all that hangs on a model, one removal removes it', async () => {
  const database = await openOld()
  migrate(database, MIGRATIONS, AT)
  const named = (table: string, name: string): number =>
    database.prepare(`SELECT count(*) AS n FROM ${table} WHERE name = ?`).all(name)[0].n
  const tables = ['model_versions', 'model_aliases', 'model_alias_moves', 'model_approvals']
  database.exec("UPDATE registered_models SET name = 'late' WHERE name = 'delay'")
  expect(tables.map((table) => [named(table, 'delay'), named(table, 'late')])).toEqual([
    [0, 2],
    [0, 1],
    [0, 2],
    [0, 1],
  ])
  database.exec("DELETE FROM registered_models WHERE name = 'late'")
  expect(tables.map((table) => named(table, 'late'))).toEqual([0, 0, 0, 0])
  expect(database.prepare('SELECT * FROM model_version_tags').all()).toEqual([])
  expect(database.prepare('PRAGMA foreign_key_check').all()).toEqual([])
})
