import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openDatabase } from '../adapters/sqlite-binding.ts'
import { migrate } from '../adapters/sqlite-migrate.ts'
import { tempFolder } from '../contract/temp-folder.ts'
import { MIGRATIONS } from './migrations.ts'

const AT = '2001-01-01T00:00:00.000Z'

test('releases, what was counted of them and who has failed are as they were; a canary is open', async () => {
  const database = openDatabase(join(await tempFolder(), 'test.db'))
  onTestFinished(() => database.close())
  database.exec('PRAGMA foreign_keys = ON')
  migrate(
    database,
    MIGRATIONS.filter(({ version }) => version < 34),
    AT,
  )
  database.exec(`
    INSERT INTO releases (seq, id, project, endpoint, kind, state, plan, to_ref, opened_at, at, actor) VALUES
      (3, 'rel_a', 'p', 'delay', 'immediate', 'promoted', '{}', 'model:delay@1', '${AT}', NULL, 'local'),
      (7, 'rel_b', 'p', 'delay', 'canary', 'canary', '{}', 'model:delay@2', '${AT}', '${AT}', 'local');
    INSERT INTO release_counters VALUES ('rel_b', 'server', 'errors', 1000, 'canary', 10, 2, 1);
    INSERT INTO release_failures VALUES ('rel_b', 's1')`)
  migrate(database, MIGRATIONS, AT)
  const all = (sql: string) =>
    database
      .prepare(sql)
      .all()
      .map((row) => Object.assign({}, row))
  expect(all('SELECT seq, id, state, stage, stage_at, why FROM releases')).toEqual([
    { seq: 3, id: 'rel_a', state: 'promoted', stage: 0, stage_at: null, why: null },
    { seq: 7, id: 'rel_b', state: 'open', stage: 0, stage_at: AT, why: null },
  ])
  expect(all('SELECT * FROM release_counters')).toMatchObject([{ requests: 10, failures: 2 }])
  expect(all('SELECT * FROM release_failures')).toEqual([
    { release_id: 'rel_b', metric: 'errors', subject: 's1' },
  ])
  const orphan = `INSERT INTO release_failures VALUES ('rel_c', 'errors', 's1')`
  expect(() => database.exec(orphan)).toThrow(/FOREIGN KEY/)
  const second = `INSERT INTO releases (id, project, endpoint, kind, state, plan, to_ref, stage, opened_at, actor)
    VALUES ('rel_c', 'p', 'delay', 'canary', 'open', '{}', 'model:delay@3', 0, '${AT}', 'local')`
  expect(() => database.exec(second)).toThrow(/UNIQUE/)
})
