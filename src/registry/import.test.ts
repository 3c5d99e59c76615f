import type { ImportModelVersion } from '@gyre/sdk/wire/import'
import { expect, test } from 'vitest'
import { ctx, openShelf, UNGOVERNED, type Shelf } from './fixture.ts'

const refused = (reason: RegExp) => ({ refused: expect.stringMatching(reason) })

const MODEL = {
  name: 'churn',
  description: 'who leaves',
  createdMs: 1_000,
  updatedMs: 9_000,
  tags: [{ key: 'team', value: 'red' }],
}

async function openWithModel(change: Parameters<typeof openShelf>[0] = {}) {
  const shelf = await openShelf({ policy: async () => UNGOVERNED, ...change })
  await shelf.registry.imports.models(ctx, [MODEL])
  const run = await shelf.logged({ 'model/MLmodel': 'flavors: {}' })
  const version: ImportModelVersion = {
    name: 'churn',
    version: 3,
    source: `runs:/${run}/model`,
    runId: run,
    runLink: '',
    description: 'good',
    createdMs: 2_000,
    updatedMs: 3_000,
    tags: [{ key: 'kind', value: 'tree' }],
  }
  return { shelf, run, version }
}

const outcomesOf = async ({ registry }: Shelf, versions: readonly ImportModelVersion[]) =>
  (await registry.imports.versions(ctx, versions)).map(({ outcome }) => outcome)

test('versions without a model, without files, or from elsewhere are refused', async () => {
  const { shelf, run, version } = await openWithModel()
  await using _ = shelf
  expect(
    await outcomesOf(shelf, [
      { ...version, name: 'nobody' },
      { ...version, source: `runs:/${run}/other` },
      { ...version, source: 'runs:/nobody/model' },
      { ...version, source: 's3://bucket/model' },
      { ...version, source: 'file:///etc' },
      { ...version, source: `runs:/${run}/../../x` },
      { ...version, tags: [{ key: 'mlflow.prompt.is_prompt', value: 'true' }] },
    ]),
  ).toEqual([
    refused(/no such model: nobody/),
    refused(/no files at/),
    refused(/nobody/),
    refused(/source/),
    refused(/source/),
    refused(/source/),
    refused(/source/),
  ])
  expect(await shelf.registry.list(ctx)).toEqual([])
})

test('a number, an alias, a stage or a description that says something else here is refused', async () => {
  const { shelf, version } = await openWithModel()
  await using _ = shelf
  const { imports, versions } = shelf.registry
  await imports.versions(ctx, [version, { ...version, version: 4 }])
  expect(await outcomesOf(shelf, [{ ...version, createdMs: 2_001 }])).toEqual([
    refused(/another version of its number/),
  ])
  await versions.setAlias(ctx, { name: 'churn', version: 4 }, 'best')
  await versions.transition(
    ctx,
    { name: 'churn', version: 3 },
    { to: 'archived', archiveExisting: false },
  )
  expect(
    await imports.aliases(ctx, [
      { name: 'churn', alias: 'best', version: 3 },
      { name: 'churn', alias: 'v7', version: 3 },
      { name: 'churn', alias: 'other', version: 9 },
    ]),
  ).toEqual([refused(/points at 4 here/), refused(/reserved/), refused(/not found/)])
  expect(
    await imports.stages(ctx, [
      { name: 'churn', version: 3, stage: 'staging' },
      { name: 'churn', version: 9, stage: 'staging' },
    ]),
  ).toEqual([refused(/in archived here/), refused(/not found/)])
  expect(await imports.models(ctx, [{ ...MODEL, description: 'mine' }])).toEqual([
    { outcome: refused(/its description is "who leaves" here/), tags: [] },
  ])
})

test('no import puts a version of a gated model into production past its gate', async () => {
  const { shelf, version } = await openWithModel({
    policy: async () => ({ ...UNGOVERNED, gated: true, approvals: 0 }),
  })
  await using _ = shelf
  const { imports } = shelf.registry
  await imports.versions(ctx, [version])
  expect(await imports.stages(ctx, [{ name: 'churn', version: 3, stage: 'production' }])).toEqual([
    refused(/./),
  ])
  for (const alias of ['champion', 'production'])
    expect(await imports.aliases(ctx, [{ name: 'churn', alias, version: 3 }])).toEqual([
      refused(/./),
    ])
  expect(await shelf.registry.get(ctx, 'model:churn@3')).toMatchObject({
    stage: 'none',
    aliases: [],
  })
})

test('models and versions keep numbers, times, tags, aliases and stages, and come once', async () => {
  const { shelf, run, version } = await openWithModel()
  await using _ = shelf
  const { imports, models, versions } = shelf.registry
  const prompt: ImportModelVersion = {
    ...version,
    version: 7,
    source: 'dummy-source',
    runId: null,
    description: null,
    tags: [
      { key: 'mlflow.prompt.is_prompt', value: 'true' },
      { key: 'mlflow.prompt.text', value: 'hello' },
    ],
  }
  const once = async () => [
    await imports.models(ctx, [MODEL]),
    await imports.versions(ctx, [version, prompt]),
    await imports.aliases(ctx, [{ name: 'churn', alias: 'best', version: 3 }]),
    await imports.stages(ctx, [{ name: 'churn', version: 3, stage: 'production' }]),
  ]
  expect(await once()).toEqual([
    [{ outcome: 'there', tags: ['there'] }],
    [
      { outcome: 'imported', tags: ['imported'] },
      { outcome: 'imported', tags: ['imported', 'imported'] },
    ],
    ['imported'],
    ['imported'],
  ])
  const events = await shelf.store.events.since(0, 1_000)
  expect(await once()).toEqual([
    [{ outcome: 'there', tags: ['there'] }],
    [
      { outcome: 'there', tags: ['there'] },
      { outcome: 'there', tags: ['there', 'there'] },
    ],
    ['there'],
    ['there'],
  ])
  expect(await shelf.store.events.since(0, 1_000)).toEqual(events)
  expect(await models.get(ctx, 'churn')).toMatchObject({
    description: 'who leaves',
    createdAt: '1970-01-01T00:00:01.000Z',
    tags: { team: 'red' },
    aliases: { best: '3' },
  })
  expect(await versions.get(ctx, { name: 'churn', version: 3 })).toMatchObject({
    source: `runs:/${run}/model`,
    runId: run,
    description: 'good',
    stage: 'production',
    aliases: ['best'],
    createdAt: '1970-01-01T00:00:02.000Z',
    tags: { kind: 'tree' },
  })
  const files = await versions.files(ctx, { name: 'churn', version: 3 })
  expect(files.entries.map(({ path }) => path)).toEqual(['MLmodel'])
  const next = await versions.create(ctx, {
    name: 'churn',
    source: `runs:/${run}/model`,
    runId: run,
  })
  expect(next.version).toBe('8')
})
