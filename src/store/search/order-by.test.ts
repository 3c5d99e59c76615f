import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { GyreError } from '../../core/errors.ts'
import { createKeyset } from './keyset.ts'
import { orderByFields, parseOrderBy } from './order-by.ts'
import { orderSql } from './order-sql.ts'
import {
  EXPERIMENTS,
  LOGGED_MODELS,
  MODEL_VERSIONS,
  REGISTERED_MODELS,
  RUNS,
  TRACES,
  type Dialect,
  type OrderKey,
} from './search-dialect.ts'
import { letterOf, openSearchTables, RUN_PLAN, SEVEN } from './fixture.ts'

// Orders and refusals are those of mlflow-skinny 3.17.2 (SQLAlchemy store on SQLite), except where a test says so.

function refusalOf(parse: () => unknown): GyreError {
  try {
    parse()
  } catch (error) {
    if (error instanceof GyreError && error.code === 'INVALID_ARGUMENT') return error
    throw error
  }
  throw new Error('taken')
}

const printed = (keys: readonly OrderKey[]): string =>
  keys.map(({ entity, key, direction }) => `${entity} ${key} ${direction}`).join(', ')

test.each([
  ['', 'the text ends at character 1', 'a name is due'],
  ['foo', 'found foo at character 1', 'the attributes of runs'],
  ['run_uuid', 'found run_uuid at character 1', 'the attributes of runs'],
  ['Start_time', 'found Start_time', 'the attributes of runs'],
  ['lifecycle_stage', 'found lifecycle_stage', 'the attributes of runs'],
  ['METRICS.m', 'found METRICS', 'before the dot of runs'],
  ['dataset.name', 'found dataset.name', 'runs are not ordered by this'],
  ['dataset.foo', 'found dataset.foo', 'the datasets of runs'],
  ['metrics.m FOO', 'found FOO at character 11', 'ASC or DESC'],
  ['metrics.m ASC DESC', 'found DESC at character 15', 'ASC or DESC'],
  ['metrics.m DESC NULLS LAST', 'found NULLS at character 16', 'ASC or DESC'],
  ['metrics.m DESC, params.p', 'found , at character 15', 'other keys stand apart'],
  ['metrics.m;', 'found ; at character 10', 'stands in backticks'],
  ['metrics.m -- x', 'found - at character 11', 'nothing starts'],
  ['metrics.x-y', 'found - at character 10', 'stands in backticks'],
  ['1', 'found 1 at character 1', 'a name is due'],
])('refused: %s', (text, where, why) => {
  const { message, details } = refusalOf(() => parseOrderBy([text], RUNS))
  expect(message).toContain(where)
  expect(message).toContain(why)
  expect(details['field']).toBe('order_by')
})

test.each([
  [['metrics.m', 'metrics.m DESC']],
  [['start_time', 'created']],
  [['params.p', "params.'p'"]],
])('a key that comes twice is refused, where MLflow answers 500: %s', (texts) => {
  expect(refusalOf(() => parseOrderBy(texts, RUNS)).message).toContain('this key orders already')
})

test('more than 20 keys are refused', () => {
  const texts = Array.from({ length: 21 }, (_, i) => `metrics.m${i}`)
  expect(parseOrderBy(texts.slice(1), RUNS)).toHaveLength(22)
  expect(refusalOf(() => parseOrderBy(texts, RUNS)).message).toContain('more than 20 keys')
})

test.each([
  ['experiments', ['tags.k']],
  ['experiments', ['lifecycle_stage']],
  ['registered models', ['creation_timestamp']],
  ['registered models', ['tags.k']],
  ['registered models', ['version']],
  ['model versions', ['run_id']],
  ['model versions', ['timestamp']],
  ['model versions', ['tags.k']],
])('refused for %s: %s', (kind, texts) => {
  const { details } = refusalOf(() => parseOrderBy(texts, dialectOf(kind)))
  expect(details['field']).toBe('order_by')
})

test.each([
  ['runs', [], 'attribute start_time desc, attribute run_id asc'],
  ['runs', ['created'], 'attribute start_time asc, attribute run_id asc'],
  ['runs', ['run_id DESC'], 'attribute run_id desc, attribute start_time desc'],
  [
    'runs',
    ['metrics.`a b` DESC', 'params.x.y'],
    'metric a b desc, param x.y asc, attribute start_time desc, attribute run_id asc',
  ],
  ['experiments', [], 'attribute creation_time desc, attribute experiment_id asc'],
  ['experiments', ['name  asc'], 'attribute name asc, attribute experiment_id desc'],
  ['registered models', [], 'attribute name asc'],
  [
    'registered models',
    ['timestamp DESC'],
    'attribute last_updated_timestamp desc, attribute name asc',
  ],
  [
    'model versions',
    [],
    'attribute last_updated_timestamp desc, attribute name asc, attribute version_number desc',
  ],
  ['model versions', ['version_number'], 'attribute version_number asc, attribute name asc'],
])('the whole order of %s by %j', (kind, texts, whole) => {
  expect(printed(parseOrderBy(texts, dialectOf(kind)))).toBe(whole)
})

test.each(['client_request_id', 'span.name', 'feedback.score', 'text', 'metrics.m'])(
  'traces are not ordered by %s',
  (text) => {
    expect(refusalOf(() => parseOrderBy([text], TRACES)).details['field']).toBe('order_by')
  },
)

test('traces come newest first, then by id', () => {
  expect(printed(parseOrderBy(['metadata.m DESC', 'name'], TRACES))).toBe(
    'metadata m desc, attribute name asc, attribute timestamp_ms desc, attribute request_id asc',
  )
})

test('logged models are ordered by objects, whose keys stand as they are', () => {
  const whole = orderByFields(
    [
      { fieldName: 'metrics.a "b`.c', ascending: false },
      { fieldName: 'creation_time', ascending: true },
    ],
    LOGGED_MODELS,
  )
  expect(printed(whole)).toBe(
    'metric a "b`.c desc, attribute creation_timestamp asc, attribute model_id asc',
  )
  for (const fieldName of ['params.p', 'foo', 'name DESC', ''])
    expect(
      refusalOf(() => orderByFields([{ fieldName, ascending: true }], LOGGED_MODELS)).details[
        'field'
      ],
    ).toBe('order_by')
})

/** The order MLflow gives to the same seven runs: c is NaN, f has no metrics, d and c started together. */
const ORDERED: readonly (readonly [readonly string[], string])[] = [
  [[], 'gfdcbAe'],
  [['metrics.m'], 'egAbdcf'],
  [['metrics.m DESC'], 'dbAgecf'],
  [['metric.`m` desc'], 'dbAgecf'],
  [['`metrics.m` DESC'], 'dbAgecf'],
  [['metrics.n DESC'], 'egfdcbA'],
  [['metrics.`no such` DESC'], 'gfdcbAe'],
  [['params.p'], 'becAgfd'],
  [['params.p DESC'], 'Acebgfd'],
  [['tags.t'], 'eAbgfdc'],
  [['tags.t DESC'], 'bAegfdc'],
  [['start_time'], 'eAbdcfg'],
  [['Created DESC'], 'gfdcbAe'],
  [['end_time'], 'Agfdcbe'],
  [['end_time DESC'], 'Agfdcbe'],
  [['run.status'], 'Agfdcbe'],
  [['user_id'], 'bgfdcAe'],
  [['run_id'], 'eAgdcfb'],
  [['attributes.run_id DESC'], 'bfcdgAe'],
  [['params.p', 'metrics.m DESC'], 'becAdgf'],
]

test('orders runs as MLflow does', async () => {
  await using tables = await openSearchTables()
  await tables.insert(Object.values(SEVEN))
  const found: [readonly string[], string][] = []
  for (const [texts] of ORDERED) {
    const { joins, keys } = orderSql(parseOrderBy(texts, RUNS), RUN_PLAN, RUNS)
    const { orderBy } = createKeyset(keys, texts)
    const rows = await tables.select(sql`q_runs.id AS id`, sql`${joins} ORDER BY ${orderBy}`)
    found.push([texts, rows.map(({ id }) => letterOf(id)).join('')])
  }
  expect(found).toEqual(ORDERED)
})

function dialectOf(kind: string): Dialect {
  const dialects = [RUNS, EXPERIMENTS, REGISTERED_MODELS, MODEL_VERSIONS, LOGGED_MODELS]
  const dialect = dialects.find((one) => one.kind === kind)
  if (dialect === undefined) throw new Error(`no dialect ${kind}`)
  return dialect
}
