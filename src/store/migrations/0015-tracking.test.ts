import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openDatabase } from '../adapters/sqlite-binding.ts'
import { migrate } from '../adapters/sqlite-migrate.ts'
import { openSqlite } from '../adapters/sqlite.ts'
import { CTX } from '../contract/wired.ts'
import { tempFolder } from '../contract/temp-folder.ts'
import { fakeClock } from '../../core/clock.ts'
import { createIds } from '../../core/id.ts'
import { createEvents } from '../events.ts'
import { createRuns } from '../runs.ts'
import { MIGRATIONS } from './migrations.ts'

test('the runs of an older folder keep their parameters, tags and every point of their metrics', async () => {
  const path = join(await tempFolder(), 'catalog.db')
  const old = openDatabase(path)
  const before = MIGRATIONS.filter(({ version }) => version < 15)
  migrate(old, before, '2001-01-01T00:00:00.000Z')
  old.exec(`
    INSERT INTO runs (id, project, kind, name, status, started_at, ended_at, actor, params, tags, environment)
      VALUES ('run_a', 'default', 'training', 'fit', 'succeeded', '2001-01-02T00:00:00.250Z',
        '2001-01-02T00:01:00.000Z', 'ann',
        '{"rate":0.1,"text":"1","yes":true,"none":null,"deep":{"list":[1,"x"]}}', '{"owner":"ann"}', '{}');
    INSERT INTO run_metric_points (run_id, key, value, step, at) VALUES
      ('run_a', 'loss', 3, 0, '2001-01-02T00:00:01.000Z'),
      ('run_a', 'loss', NULL, 2, '2001-01-02T00:00:03.000Z'),
      ('run_a', 'loss', 2, 1, '2001-01-02T00:00:02.500Z'),
      ('run_a', 'auc', 0.7, 0, '2001-01-02T00:00:01.000Z');
    INSERT INTO run_metrics (run_id, key, value, step, at) VALUES
      ('run_a', 'loss', NULL, 2, '2001-01-02T00:00:03.000Z'),
      ('run_a', 'auc', 0.7, 0, '2001-01-02T00:00:01.000Z');
  `)
  old.close()

  const clock = fakeClock()
  const catalog = await openSqlite({ path, clock })
  onTestFinished(() => catalog.close())
  const events = createEvents({ catalog, clock, newId: createIds(() => 0) })
  const runs = createRuns({ catalog, events, clock, newId: createIds(() => 0) })
  expect(await runs.get(CTX, 'run_a')).toMatchObject({
    params: { rate: 0.1, text: '1', yes: true, none: null, deep: { list: [1, 'x'] } },
    tags: { owner: 'ann' },
    metrics: { loss: Number.NaN, auc: 0.7 },
  })
  const { points } = await runs.metricHistory(CTX, 'run_a', 'loss', 9)
  expect(points).toEqual([
    { value: 3, step: 0, atMs: Date.UTC(2001, 0, 2, 0, 0, 1) },
    { value: 2, step: 1, atMs: Date.UTC(2001, 0, 2, 0, 0, 2, 500) },
    { value: Number.NaN, step: 2, atMs: Date.UTC(2001, 0, 2, 0, 0, 3) },
  ])
  const more = [{ key: 'loss', value: 1, step: 3, at: '2001-01-02T00:00:04.000Z' }]
  await runs.logMetrics(CTX, 'run_a', more)
  expect((await runs.get(CTX, 'run_a')).metrics['loss']).toBe(1)
  expect((await runs.metricHistory(CTX, 'run_a', 'loss', 9)).points.length).toBe(4)
  const row = await catalog.read.selectFrom('runs').select(['start_ms', 'end_ms']).execute()
  expect(row).toEqual([
    { start_ms: Date.UTC(2001, 0, 2) + 250, end_ms: Date.UTC(2001, 0, 2, 0, 1) },
  ])
})
