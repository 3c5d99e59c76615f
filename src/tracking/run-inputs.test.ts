import { expect, test } from 'vitest'
import type { DatasetInput, TrackedDataset } from './dataset-input.ts'
import { ctx, openLogbook } from './fixture.ts'
import { createRunInputs } from './run-inputs.ts'

const BARE: TrackedDataset = {
  name: 'd',
  digest: 'x',
  sourceType: 'local',
  source: '{"uri":"/a"}',
  schema: undefined,
  profile: undefined,
}

function input(change: Partial<TrackedDataset> = {}, context?: string): DatasetInput {
  const tags = context === undefined ? [] : [{ key: 'mlflow.data.context', value: context }]
  return { dataset: { ...BARE, ...change }, tags }
}

async function openInputs() {
  const book = await openLogbook()
  return { ...book, inputs: createRunInputs(book.store), run: await book.start() }
}

test('what MLflow refuses of a dataset is refused, and the whole call with it', async () => {
  await using book = await openInputs()
  const { inputs, tracking, run } = book
  const twice = { key: 'k', value: '1' }
  for (const [field, bad] of [
    ['name', input({ name: 'x'.repeat(501) })],
    ['digest', input({ digest: 'x'.repeat(37) })],
    ['source', input({ source: 'x'.repeat(65_536) })],
    ['schema', input({ schema: 'x'.repeat(1_048_576) })],
    ['key', { ...input(), tags: [{ key: 'k'.repeat(256), value: '' }] }],
    ['value', { ...input(), tags: [{ key: 'k', value: 'v'.repeat(501) }] }],
    ['tags', { ...input(), tags: [twice, twice] }],
  ] as const)
    await expect(
      inputs.logInputs(ctx, run, { datasets: [input({ name: 'good' }), bad] }),
    ).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', details: { field } })
  expect((await tracking.get(ctx, run)).datasets).toEqual([])
})

test('a run that is not there is not found, and a deleted one takes nothing', async () => {
  await using book = await openInputs()
  const { inputs, tracking, run } = book
  const models = [{ model: 'm-1', step: 0 }]
  for (const [who, id] of [
    [ctx, 'none'],
    [{ ...ctx, project: 'another' }, run],
  ] as const) {
    await expect(inputs.logInputs(who, id, {})).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await expect(inputs.logOutputs(who, id, models)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  }
  await tracking.setDeleted(ctx, run, true)
  await expect(inputs.logInputs(ctx, run, {})).rejects.toMatchObject({ code: 'CONFLICT' })
  await expect(inputs.logOutputs(ctx, run, models)).rejects.toMatchObject({ code: 'CONFLICT' })
})

test('a run tells its datasets in the order it named them, each once, as its experiment knows them', async () => {
  await using book = await openInputs()
  const { inputs, tracking, run } = book
  const second = input({ name: 'd2', schema: '{}', profile: '{"n":1}' })
  await inputs.logInputs(ctx, run, {
    datasets: [input({}, 'train'), input({ source: 'other' }), second],
  })
  await inputs.logInputs(ctx, run, { datasets: [input({}, 'eval')] })
  expect((await tracking.get(ctx, run)).datasets).toEqual([input({}, 'train'), second])
  const other = await book.start('other')
  await inputs.logInputs(ctx, other, { datasets: [input({ source: 'changed' }, 'eval')] })
  expect((await tracking.get(ctx, other)).datasets).toEqual([input({}, 'eval')])
})

test('a run tells the models that it used and made, each once', async () => {
  await using book = await openInputs()
  const { inputs, tracking, run } = book
  const big = 2n ** 60n + 1n
  await inputs.logInputs(ctx, run, { models: ['m-2', 'm-1', 'm-2'] })
  await inputs.logOutputs(ctx, run, [
    { model: 'm-1', step: 3 },
    { model: 'm-3', step: big },
  ])
  await inputs.logOutputs(ctx, run, [{ model: 'm-1', step: 4 }])
  expect(await tracking.get(ctx, run)).toMatchObject({
    modelInputs: [
      { model: 'm-2', step: 0 },
      { model: 'm-1', step: 0 },
    ],
    modelOutputs: [
      { model: 'm-1', step: 4 },
      { model: 'm-3', step: big },
    ],
  })
})

test('runs are found by their datasets', async () => {
  await using book = await openInputs()
  const { inputs, tracking, run } = book
  const other = await book.start('other')
  await inputs.logInputs(ctx, run, { datasets: [input({}, 'train'), input({ name: 'e' })] })
  await inputs.logInputs(ctx, other, { datasets: [input({ digest: 'y' }, 'eval')] })
  const found = async (filter: string) => {
    const query = { experiments: [0], view: 'all', limit: 9, filter } as const
    return (await tracking.search(ctx, query)).runs.map(({ id }) => id).toSorted()
  }
  expect(await found("dataset.name = 'e'")).toEqual([run])
  expect(await found("dataset.name = 'd'")).toEqual([run, other].toSorted())
  expect(await found("dataset.digest = 'y'")).toEqual([other])
  expect(await found("dataset.context = 'train'")).toEqual([run])
  expect(await found("dataset.context LIKE '%al' AND dataset.name = 'd'")).toEqual([other])
})

test('the datasets of experiments are told with each context, of this project alone', async () => {
  await using book = await openInputs()
  const { inputs, run } = book
  const other = await book.start('other')
  await inputs.logInputs(ctx, run, { datasets: [input({}, 'train'), input({ name: 'e' })] })
  await inputs.logInputs(ctx, other, { datasets: [input({}, 'eval'), input({ name: 'e' })] })
  const [d, e] = [
    { experiment: 0, name: 'd', digest: 'x' },
    { experiment: 0, name: 'e', digest: 'x' },
  ]
  expect(await inputs.datasets(ctx, [0])).toEqual([
    { ...d, context: 'eval' },
    { ...d, context: 'train' },
    { ...e, context: undefined },
  ])
  expect(await inputs.datasets(ctx, [])).toEqual([])
  expect(await inputs.datasets(ctx, [1])).toEqual([])
  expect(await inputs.datasets({ ...ctx, project: 'another' }, [0])).toEqual([])
})
