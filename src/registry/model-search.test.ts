import { expect, test } from 'vitest'
import { fakeClock } from '../core/clock.ts'
import { ctx, openShelf, UNGOVERNED, type Shelf } from './fixture.ts'

const PROMPT = [{ key: 'mlflow.prompt.is_prompt', value: 'true' }]

/** Three models and a prompt: churn with three versions, Fraud with one; each a millisecond after the other. */
async function openLibrary() {
  const clock = fakeClock()
  const shelf = await openShelf({ policy: async () => UNGOVERNED, clock })
  const { models, versions } = shelf.registry
  const runId = await shelf.logged({ 'm/x': 'x' })
  const create = async (name: string, team: string) => {
    clock.advance(1)
    await models.create(ctx, { name, tags: [{ key: 'team', value: team }] })
  }
  const make = async (name: string, stage: string) => {
    clock.advance(1)
    const tags = [{ key: 'stage', value: stage }]
    await versions.create(ctx, { name, source: `runs:/${runId}/m`, runId, tags })
  }
  await create('churn', 'risk')
  await create('Fraud', 'Risk')
  await create('empty', 'none')
  await models.create(ctx, { name: 'greeting', tags: PROMPT })
  await make('churn', 'a')
  await make('churn', 'b')
  await make('Fraud', 'a')
  await make('churn', 'c')
  await versions.remove(ctx, { name: 'churn', version: 2 })
  await versions.create(ctx, { name: 'greeting', source: 'dummy-source', tags: PROMPT })
  return { ...shelf, runId }
}

const modelsBy = async ({ registry }: Shelf, filter: string, ...orderBy: readonly string[]) =>
  (await registry.models.search(ctx, { filter, orderBy, limit: 100 })).models.map(
    ({ name }) => name,
  )

const versionsBy = async ({ registry }: Shelf, filter: string, ...orderBy: readonly string[]) =>
  (await registry.versions.search(ctx, { filter, orderBy, limit: 100 })).versions.map(
    ({ name, version }) => `${name} ${version}`,
  )

test('a query that MLflow refuses is refused by its part', async () => {
  await using shelf = await openLibrary()
  const { models, versions } = shelf.registry
  for (const filter of ["version='1'", 'name = 5', "name='a' OR name='b'", "tags.a IN ('x')"])
    await expect(models.search(ctx, { filter, limit: 9 })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      details: { field: 'filter' },
    })
  for (const filter of ["current_stage = 'None'", 'version_number = 1.5', "source_path IN ('x')"])
    await expect(versions.search(ctx, { filter, limit: 9 })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      details: { field: 'filter' },
    })
  await expect(models.search(ctx, { orderBy: ['creation_timestamp'], limit: 9 })).rejects.toThrow(
    'order_by',
  )
  await expect(versions.search(ctx, { pageToken: 'x', limit: 9 })).rejects.toMatchObject({
    details: { field: 'page_token' },
  })
})

test('models are found by name and tags, prompts only by those who ask for them', async () => {
  await using shelf = await openLibrary()
  const expected: readonly (readonly [string, readonly string[]])[] = [
    ['', ['Fraud', 'churn', 'empty']],
    ["name = 'churn'", ['churn']],
    ["name != 'churn'", ['Fraud', 'empty']],
    ["name LIKE 'f%'", []],
    ["name ILIKE 'f%'", ['Fraud']],
    ["name IN ('churn', 'x')", ['churn']],
    ["tags.team = 'risk'", ['churn']],
    ["tags.team ILIKE 'RISK' AND name != 'churn'", ['Fraud']],
    ["tags.nothing != 'x'", []],
    ["tags.`mlflow.prompt.is_prompt` = 'true'", ['greeting']],
    ["tags.`mlflow.prompt.is_prompt` != 'false'", ['greeting']],
    ["tags.`mlflow.prompt.is_prompt` = 'false'", ['Fraud', 'churn', 'empty']],
    ["tags.`mlflow.prompt.is_prompt` != 'true'", ['Fraud', 'churn', 'empty']],
  ]
  for (const [filter, names] of expected)
    expect([filter, await modelsBy(shelf, filter)]).toEqual([filter, names])
  expect(await modelsBy(shelf, '', 'last_updated_timestamp DESC')).toEqual([
    'churn',
    'Fraud',
    'empty',
  ])
  expect(await modelsBy(shelf, '', 'name DESC')).toEqual(['empty', 'churn', 'Fraud'])
})

test('versions are found by what they are and come from; deleted ones and prompts are not', async () => {
  await using shelf = await openLibrary()
  const { runId } = shelf
  const expected: readonly (readonly [string, readonly string[]])[] = [
    ['', ['churn 3', 'Fraud 1', 'churn 1']],
    ["name = 'churn'", ['churn 3', 'churn 1']],
    ['version_number > 1', ['churn 3']],
    ["version_number = '1'", ['Fraud 1', 'churn 1']],
    [`run_id = '${runId}' AND name LIKE 'F%'`, ['Fraud 1']],
    [`run_id IN ('${runId}')`, ['churn 3', 'Fraud 1', 'churn 1']],
    ["run_id = ''", []],
    [`source_path = 'runs:/${runId}/m'`, ['churn 3', 'Fraud 1', 'churn 1']],
    ["tags.stage = 'a'", ['Fraud 1', 'churn 1']],
    ["tags.`mlflow.prompt.is_prompt` = 'true'", ['greeting 1']],
  ]
  for (const [filter, found] of expected)
    expect([filter, await versionsBy(shelf, filter)]).toEqual([filter, found])
  expect(await versionsBy(shelf, '', 'name', 'version_number ASC')).toEqual([
    'Fraud 1',
    'churn 1',
    'churn 3',
  ])
  expect(await versionsBy(shelf, '', 'creation_timestamp')).toEqual([
    'churn 1',
    'Fraud 1',
    'churn 3',
  ])
})

test('pages neither repeat nor skip, though models come in between, and keep to the project', async () => {
  await using shelf = await openLibrary()
  const { models } = shelf.registry
  const first = await models.search(ctx, { limit: 1 })
  expect(first.models.map(({ name }) => name)).toEqual(['Fraud'])
  await models.create(ctx, { name: 'A new one' })
  await models.create(ctx, { name: 'd' })
  const next = { limit: 2, pageToken: first.nextToken ?? '' }
  const second = await models.search(ctx, next)
  expect(second.models.map(({ name }) => name)).toEqual(['churn', 'd'])
  const last = await models.search(ctx, { limit: 2, pageToken: second.nextToken ?? '' })
  expect(last.models.map(({ name }) => name)).toEqual(['empty'])
  expect(last.nextToken).toBeUndefined()
  const other = { ...ctx, project: 'other' }
  expect(await models.search(other, { limit: 9 })).toEqual({ models: [] })
  await expect(models.search(other, next)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
})

test('a page of hundreds of versions has all their tags', async () => {
  await using shelf = await openShelf({ policy: async () => UNGOVERNED })
  const { registry, store } = shelf
  await shelf.add('first')
  await store.catalog.write(async (tx) => {
    const { seq: _seq, ...first } = await tx
      .selectFrom('model_versions')
      .selectAll()
      .executeTakeFirstOrThrow()
    const rows = await tx
      .insertInto('model_versions')
      .values(Array.from({ length: 1_100 }, (_, i) => ({ ...first, version: i + 2 })))
      .returning(['seq', 'version'])
      .execute()
    const tags = rows.map(({ seq, version }) => ({
      version: seq,
      key: 'i',
      value: String(version),
    }))
    await tx.insertInto('model_version_tags').values(tags).execute()
  })
  const { versions } = await registry.versions.search(ctx, {
    filter: 'version_number > 1',
    limit: 2_000,
  })
  expect(versions).toHaveLength(1_100)
  expect(versions.filter(({ version, tags }) => tags['i'] !== version)).toEqual([])
})
