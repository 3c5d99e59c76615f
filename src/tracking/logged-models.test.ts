import { expect, test } from 'vitest'
import { ctx, openLogbook } from './fixture.ts'
import { createLoggedModels, type LoggedModels, type NewLoggedModel } from './logged-models.ts'
import type { DatasetWanted, ModelQuery } from './logged-model-search.ts'
import type { LoggedPoint } from './model-metrics.ts'

const stranger = { ...ctx, project: 'another' }
const notFound = { code: 'NOT_FOUND' }
const invalid = (field: string) => ({ code: 'INVALID_ARGUMENT', details: { field } })

async function openModels() {
  const book = await openLogbook()
  const { store, clock, tracking } = book
  const { experiments } = tracking
  const models = createLoggedModels({ ...store, clock, random: () => 0.5, experiments })
  return { ...book, models, run: await book.start() }
}

const BARE: NewLoggedModel = {
  experiment: 0,
  name: 'm',
  modelType: '',
  sourceRun: '',
  params: [],
  tags: [],
}

async function create(models: LoggedModels, given: Partial<NewLoggedModel> = {}): Promise<string> {
  return (await models.create(ctx, { ...BARE, ...given })).id
}

test('a name that a URI could not hold, a made-up experiment and a deleted one are refused', async () => {
  await using book = await openModels()
  const { models, tracking } = book
  for (const name of ['a/b', 'a:b', 'a.b', '100%', 'say "x"', "it's", 'x'.repeat(501)])
    await expect(create(models, { name })).rejects.toMatchObject(invalid('name'))
  await expect(create(models, { experiment: 9 })).rejects.toMatchObject(notFound)
  const { number } = await tracking.experiments.create(ctx, { name: 'old' })
  await tracking.experiments.remove(ctx, number)
  await expect(create(models, { experiment: number })).rejects.toMatchObject({ code: 'CONFLICT' })
  const twice = [
    { key: 'a', value: '1' },
    { key: 'a', value: '2' },
  ]
  await expect(create(models, { params: twice })).rejects.toMatchObject(invalid('params'))
  expect(await models.search(ctx, { experiments: [0, number], limit: 9 })).toMatchObject({
    models: [],
  })
})

test('another project knows nothing of a model', async () => {
  await using book = await openModels()
  const { models, tracking, run } = book
  const id = await create(models)
  await expect(models.get(stranger, id)).rejects.toMatchObject(notFound)
  await expect(models.finalize(stranger, id, 'READY')).rejects.toMatchObject(notFound)
  await expect(models.remove(stranger, id)).rejects.toMatchObject(notFound)
  await expect(models.setTags(stranger, id, [])).rejects.toMatchObject(notFound)
  await expect(models.removeTag(stranger, id, 'a')).rejects.toMatchObject(notFound)
  await expect(models.logParams(stranger, id, [])).rejects.toMatchObject(notFound)
  expect((await models.search(stranger, { experiments: [0], limit: 9 })).models).toEqual([])
  const point = { key: 'acc', value: 1, step: 0, atMs: 1, model: 'm-none' }
  await expect(tracking.log(ctx, run, { metrics: [point] })).rejects.toMatchObject(
    invalid('model_id'),
  )
  expect((await tracking.get(ctx, run)).metrics).toEqual([])
})

test('a model says what was said of it, in the order of keys, and has a name of its own', async () => {
  await using book = await openModels()
  const { models, clock, run } = book
  const [a, b] = [
    { key: 'a', value: '' },
    { key: 'b', value: 'ü\n' },
  ]
  const { id, ...model } = await models.create(ctx, {
    ...BARE,
    name: '',
    modelType: 'toy',
    sourceRun: run,
    params: [b, a],
    tags: [b, a, { key: 'b', value: 'last' }],
  })
  expect(id).toMatch(/^m-[0-9a-f]{32}$/)
  const atMs = clock.now().getTime()
  expect(model).toEqual({
    experiment: 0,
    name: expect.stringMatching(/^\w+-\w+-\d+$/),
    modelType: 'toy',
    sourceRun: run,
    status: 'PENDING',
    createdMs: atMs,
    updatedMs: atMs,
    isDeleted: false,
    params: [a, b],
    tags: [a, { key: 'b', value: 'last' }],
    metrics: [],
  })
  clock.advance(5)
  expect(await models.finalize(ctx, id, 'READY')).toMatchObject({
    status: 'READY',
    createdMs: atMs,
    updatedMs: atMs + 5,
  })
})

test('a parameter stays what it is, a tag changes and goes', async () => {
  await using book = await openModels()
  const { models } = book
  const id = await create(models)
  await models.logParams(ctx, id, [{ key: 'C', value: '1' }])
  await models.logParams(ctx, id, [{ key: 'C', value: '1' }])
  await expect(models.logParams(ctx, id, [{ key: 'C', value: '2' }])).rejects.toMatchObject(
    invalid('params'),
  )
  await models.setTags(ctx, id, [{ key: 't', value: '1' }])
  await models.setTags(ctx, id, [{ key: 't', value: '2' }])
  expect(await models.get(ctx, id)).toMatchObject({
    params: [{ key: 'C', value: '1' }],
    tags: [{ key: 't', value: '2' }],
  })
  await models.removeTag(ctx, id, 't')
  await expect(models.removeTag(ctx, id, 't')).rejects.toMatchObject(notFound)
})

test('a deleted model is found only when it is asked for, and by no search', async () => {
  await using book = await openModels()
  const { models } = book
  const id = await create(models)
  await models.remove(ctx, id)
  await models.remove(ctx, id)
  await expect(models.get(ctx, id)).rejects.toMatchObject(notFound)
  expect(await models.get(ctx, id, true)).toMatchObject({ id, isDeleted: true })
  expect((await models.search(ctx, { experiments: [0], limit: 9 })).models).toEqual([])
})

const point = (given: Partial<LoggedPoint>): LoggedPoint => ({
  key: 'acc',
  value: 0.5,
  step: 0,
  atMs: 10,
  ...given,
})

test('what a run measures of a model is kept at both, a point that comes twice once', async () => {
  await using book = await openModels()
  const { models, tracking, run } = book
  const model = await create(models)
  const dataset = { name: 'd', digest: 'x' }
  const big = 2n ** 62n + 1n
  const metrics = [
    point({ model }),
    point({ model, value: 0.6, step: big, dataset }),
    point({ model, key: 'nan', value: Number.NaN }),
    point({ model, key: 'inf', value: Number.NEGATIVE_INFINITY }),
    point({ key: 'alone' }),
  ]
  await tracking.log(ctx, run, { metrics })
  await tracking.log(ctx, run, { metrics })
  await tracking.log(ctx, run, { metrics: [point({ model, value: 0.7 })] })
  const { metrics: kept } = await models.get(ctx, model)
  expect(kept).toEqual([
    { key: 'acc', value: 0.5, step: 0, atMs: 10, run, dataset: undefined },
    { key: 'acc', value: 0.6, step: big, atMs: 10, run, dataset },
    { key: 'nan', value: Number.NaN, step: 0, atMs: 10, run, dataset: undefined },
    { key: 'inf', value: Number.NEGATIVE_INFINITY, step: 0, atMs: 10, run, dataset: undefined },
    { key: 'acc', value: 0.7, step: 0, atMs: 10, run, dataset: undefined },
  ])
  const keys = (await tracking.get(ctx, run)).metrics.map(({ key }) => key)
  expect(keys.toSorted()).toEqual(['acc', 'alone', 'inf', 'nan'])
})

/** Three models: `plain` measured on nothing, `low` and `high` on dataset d. */
async function openSample() {
  const book = await openModels()
  const { models, tracking, run, clock } = book
  const names: Record<string, string> = {}
  for (const name of ['plain', 'low', 'high']) {
    clock.advance(1)
    const id = await create(models, {
      name,
      params: [{ key: 'C', value: name === 'low' ? '1' : '2' }],
      tags: [{ key: 'team', value: 'risk' }],
      sourceRun: name === 'low' ? run : '',
    })
    names[id] = name
  }
  const [, low, high] = Object.keys(names)
  const [x, y] = [
    { name: 'd', digest: 'x' },
    { name: 'd', digest: 'y' },
  ]
  await tracking.log(ctx, run, {
    metrics: [
      point({ model: low ?? '', value: 0.9, atMs: 1, dataset: x }),
      point({ model: low ?? '', value: 0.2, atMs: 2, dataset: x }),
      point({ model: high ?? '', value: 0.8, atMs: 1, dataset: x }),
      point({ model: high ?? '', value: 0.1, atMs: 2, dataset: y }),
      point({ model: high ?? '', key: 'a b.c', value: 1, atMs: 2 }),
    ],
  })
  const search = async (query: Partial<ModelQuery>) => {
    const found = await models.search(ctx, { experiments: [0], limit: 9, ...query })
    return found.models.map(({ id }) => names[id])
  }
  return { ...book, search }
}

test('models are found by what they are, newest first', async () => {
  await using book = await openSample()
  const { search, run } = book
  expect(await search({})).toEqual(['high', 'low', 'plain'])
  expect(await search({ experiments: [] })).toEqual([])
  expect(await search({ experiments: [7] })).toEqual([])
  for (const [filter, expected] of [
    ["name = 'low'", ['low']],
    ["name IN ('low', 'high')", ['high', 'low']],
    ["params.C = '2'", ['high', 'plain']],
    ["tags.team = 'risk' AND name != 'plain'", ['high', 'low']],
    [`source_run_id = '${run}'`, ['low']],
    ["status = 'PENDING'", ['high', 'low', 'plain']],
    ["status = 'READY'", []],
    ['metrics.acc > 0.85', ['low']],
    ['metrics.acc < 0.15', ['high']],
    ['metrics.`a b.c` = 1', ['high']],
  ] as const)
    expect([filter, await search({ filter })]).toEqual([filter, expected])
})

test('a dataset narrows what metrics count, and by itself finds what was measured on it', async () => {
  await using book = await openSample()
  const { search } = book
  const [any, x, y] = [{ name: 'd' }, { name: 'd', digest: 'x' }, { name: 'd', digest: 'y' }]
  expect(await search({ datasets: [any] })).toEqual(['high', 'low'])
  expect(await search({ datasets: [y] })).toEqual(['high'])
  expect(await search({ datasets: [{ name: 'other' }] })).toEqual([])
  expect(await search({ datasets: [x], filter: 'metrics.acc < 0.5' })).toEqual(['low'])
  expect(await search({ datasets: [x, y], filter: 'metrics.acc < 0.5' })).toEqual(['high', 'low'])
  await expect(search({ datasets: [{ name: '' }] })).rejects.toMatchObject(invalid('datasets'))
})

function by(fieldName: string, ascending: boolean, dataset?: DatasetWanted) {
  return { orderBy: [{ fieldName, ascending, ...(dataset && { dataset }) }] }
}

test('a metric orders by its latest value, of one dataset if it is named; models without it come last', async () => {
  await using book = await openSample()
  const { search } = book
  expect(await search(by('metrics.acc', true))).toEqual(['high', 'low', 'plain'])
  expect(await search(by('metrics.acc', false))).toEqual(['low', 'high', 'plain'])
  const x = { name: 'd', digest: 'x' }
  expect(await search(by('metrics.acc', false, x))).toEqual(['high', 'low', 'plain'])
  expect(await search(by('metrics.acc', false, { name: 'd', digest: 'y' }))).toEqual([
    'high',
    'low',
    'plain',
  ])
  expect(await search(by('metrics.a b.c', true))).toEqual(['high', 'low', 'plain'])
  expect(await search(by('name', true))).toEqual(['high', 'low', 'plain'])
  expect(await search(by('creation_time', true))).toEqual(['plain', 'low', 'high'])
  for (const field of ['params.C', 'nope', '', 'metricsacc', 'name; DROP TABLE logged_models'])
    await expect(search(by(field, true))).rejects.toMatchObject(invalid('order_by'))
  await expect(search({ filter: 'nope = 1' })).rejects.toMatchObject(invalid('filter'))
})

test('pages are whole in every order, and a token of another search is refused', async () => {
  await using book = await openSample()
  const { models } = book
  const orders = [
    [],
    [{ fieldName: 'metrics.acc', ascending: true }],
    [{ fieldName: 'metrics.acc', ascending: false, dataset: { name: 'd', digest: 'x' } }],
    [{ fieldName: 'name', ascending: false }],
  ]
  let token: string | undefined
  for (const orderBy of orders) {
    const query = { experiments: [0], orderBy }
    const whole = await models.search(ctx, { ...query, limit: 9 })
    const paged: string[] = []
    let pageToken = ''
    do {
      const page = await models.search(ctx, { ...query, limit: 1, pageToken })
      paged.push(...page.models.map(({ id }) => id))
      pageToken = page.nextToken ?? ''
      token = page.nextToken ?? token
    } while (pageToken !== '')
    expect(paged).toEqual(whole.models.map(({ id }) => id))
  }
  for (const pageToken of [token ?? '', 'x', 'eyJ9'])
    await expect(
      models.search(ctx, { experiments: [0], limit: 1, pageToken }),
    ).rejects.toMatchObject(invalid('page_token'))
})
