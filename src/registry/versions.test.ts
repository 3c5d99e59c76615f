import { expect, test } from 'vitest'
import type { SourcedVersion } from './sourced-version.ts'
import { ctx, openShelf, UNGOVERNED, type Shelf } from './fixture.ts'

const ungoverned = { policy: async () => UNGOVERNED }
const other = { ...ctx, project: 'other', actor: 'key:eve' }

const FILES = {
  'model/MLmodel': 'flavors: {}',
  'model/data/w': 'w',
  'model2/x': 'x',
  'top.txt': 't',
}
const PROMPT = [
  { key: 'mlflow.prompt.is_prompt', value: 'true' },
  { key: 'mlflow.prompt.text', value: 'Hi {{x}}' },
]

/** A shelf with a run of `FILES` and a model `churn`. */
async function openChurn() {
  const shelf = await openShelf(ungoverned)
  const runId = await shelf.logged(FILES)
  await shelf.registry.models.create(ctx, { name: 'churn' })
  return {
    ...shelf,
    runId,
    make: (asked: Partial<SourcedVersion>, of = ctx) =>
      shelf.registry.versions.create(of, {
        name: 'churn',
        source: `runs:/${runId}/model`,
        ...asked,
      }),
  }
}

const key = (version: number) => ({ name: 'churn', version })
const pathsOf = async ({ registry }: Pick<Shelf, 'registry'>, version: number) =>
  (await registry.versions.files(ctx, key(version))).entries.map(({ path }) => path)

test('a source that Gyre would never mint is refused, whatever else is said', async () => {
  await using shelf = await openChurn()
  const { make, runId } = shelf
  const inRun = `mlflow-artifacts:/0/${runId}/artifacts`
  const hostile = [
    'file:///etc/',
    'file:/etc',
    '/etc',
    'etc',
    './x',
    '../x',
    'C:\\x',
    'http://169.254.169.254/',
    `http://127.0.0.1/api/2.0/mlflow-artifacts/artifacts/0/${runId}/artifacts/model`,
    's3://bucket/key',
    'dbfs:/x',
    'ftp://x/y',
    'hdfs://x',
    'foo:/x',
    `mlflow-artifacts://host/0/${runId}/artifacts/model`,
    `mlflow-artifacts:///0/${runId}/artifacts/model`,
    `mlflow-artifacts:/${runId}/artifacts/model`,
    `mlflow-artifacts:/0/${runId}/model`,
    `${inRun}/../x`,
    `${inRun}/..%2fx`,
    `${inRun}/%2e%2e/x`,
    `${inRun}/%252e%252e%252fx`,
    `${inRun}/a//b`,
    `${inRun}/./a`,
    `${inRun}//etc`,
    `${inRun}/a\\b`,
    `${inRun}/a\0b`,
    `${inRun}/a#b`,
    `runs://x/${runId}/model`,
    `runs:/${runId}/../x`,
    `runs:/${runId}//etc`,
    'runs:/',
    'models:/churn',
    'models:/churn/latest',
    'models://x/churn/1',
    'mlflow-artifacts:/registry/churn/1/MLmodel',
    'mlflow-artifacts:/registry/churn/01',
    'dummy-source',
    '',
  ]
  for (const source of hostile)
    for (const asked of [{}, { runId }, { modelId: 'm-1' }, { runId, tags: PROMPT }]) {
      if (source === 'dummy-source' && asked.tags) continue
      expect([source, await make({ source, ...asked }).catch(codeOf)]).toEqual([
        source,
        'INVALID_ARGUMENT',
      ])
    }
  expect(await shelf.registry.list(ctx, 'churn')).toEqual([])
})

const codeOf = (error: { readonly code: string }) => error.code

test('files of another project, of nobody and of another experiment are refused alike', async () => {
  await using shelf = await openChurn()
  const { make, runId } = shelf
  await shelf.registry.models.create(other, { name: 'churn' })
  const foreign = await shelf.logged(FILES, other)
  const refusal = async (source: string, asked: object, of = ctx) =>
    make({ source, ...asked }, of).then(
      ({ ref }) => ref,
      (error: Error) => error.message.replaceAll(/run_\w+/g, 'RUN'),
    )
  const missing = await refusal('runs:/run_none/model', { runId: 'run_none' })
  expect(missing).toMatch(/^Invalid model version source: 'runs:\/RUN\/model'/)
  expect(await refusal(`runs:/${foreign}/model`, { runId: foreign })).toBe(missing)
  expect(await refusal(`runs:/${runId}/model`, { runId }, other)).toBe(missing)
  const elsewhere = `mlflow-artifacts:/7/${runId}/artifacts/model`
  expect(await refusal(elsewhere, { runId })).toMatch(/^Invalid model version source/)
  for (const asked of [{}, { runId: foreign }, { runId: '' }, { modelId: 'm-1', runId }])
    expect(await refusal(`runs:/${runId}/model`, asked)).toBe(missing)
  await expect(make({ source: 'models:/churn/1' }, other)).rejects.toMatchObject({
    code: 'NOT_FOUND',
  })
  await expect(make({ name: 'nobody', runId })).rejects.toMatchObject({ code: 'NOT_FOUND' })
})

test('every call makes a version, of the files below the path as they were', async () => {
  await using shelf = await openChurn()
  const { make, runId } = shelf
  const sources = [
    `runs:/${runId}/model`,
    `runs:/${runId}/model/`,
    `mlflow-artifacts:/0/${runId}/artifacts/model`,
    `mlflow-artifacts:/0/${runId}/artifacts`,
    `runs:/${runId}/not there`,
  ]
  for (const source of sources)
    expect(await make({ source, runId })).toMatchObject({ source, runId })
  const model = ['MLmodel', 'data/w']
  expect(await pathsOf(shelf, 1)).toEqual(model)
  expect(await pathsOf(shelf, 2)).toEqual(model)
  expect(await pathsOf(shelf, 3)).toEqual(model)
  expect(await pathsOf(shelf, 4)).toEqual(['model/MLmodel', 'model/data/w', 'model2/x', 'top.txt'])
  expect(await pathsOf(shelf, 5)).toEqual([])
  const [newest] = await shelf.registry.list(ctx, 'churn')
  expect(newest).toMatchObject({ version: '5', stage: 'none', runLink: '', description: '' })
})

test('a copy of a version has its files and its run, and must not claim another', async () => {
  await using shelf = await openChurn()
  const { make, runId, registry } = shelf
  const one = await make({ runId })
  await registry.versions.setAlias(ctx, key(1), 'champion')
  for (const source of [
    'models:/churn/1',
    'models:/churn@champion',
    'mlflow-artifacts:/registry/churn/1',
  ])
    expect(await make({ source })).toMatchObject({
      digest: one.digest,
      runId,
      source: 'models:/churn/1',
    })
  await expect(make({ source: 'models:/churn/1', runId: 'run_x' })).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
  })
  await expect(make({ source: 'models:/churn/9' })).rejects.toMatchObject({ code: 'NOT_FOUND' })
  await expect(make({ source: 'models:/churn@none' })).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
  })
})

test('a prompt is its tags: no files, and no source but a placeholder', async () => {
  await using shelf = await openChurn()
  const { make, registry } = shelf
  for (const source of ['dummy-source', 'prompt-template'])
    expect(await make({ source, tags: PROMPT })).toMatchObject({
      source,
      digest: '',
      runId: null,
      tags: { 'mlflow.prompt.text': 'Hi {{x}}' },
    })
  await expect(make({ source: `runs:/${shelf.runId}/model`, tags: PROMPT })).rejects.toThrow(
    'Invalid model version source',
  )
  expect(await pathsOf(shelf, 1)).toEqual([])
  await expect(make({ source: 'models:/churn/1' })).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
  })
  expect(await registry.versions.byAlias(ctx, 'churn', 'latest')).toMatchObject({ version: '2' })
})

test('a list of models has no prompts in it, unless it is asked for one by name', async () => {
  await using shelf = await openChurn()
  const { make, runId, registry } = shelf
  await make({ runId })
  await registry.models.create(ctx, { name: 'greet', tags: PROMPT })
  await make({ name: 'greet', source: 'dummy-source', tags: PROMPT })
  const refs = async (name?: string) => (await registry.list(ctx, name)).map(({ ref }) => ref)
  expect(await refs()).toEqual(['model:churn@1'])
  expect(await refs('greet')).toEqual(['model:greet@1'])
})

test('a deleted version is gone for every reader, and its number with it', async () => {
  await using shelf = await openChurn()
  const { make, runId, registry } = shelf
  for (const _ of [1, 2, 3]) await make({ runId })
  await registry.versions.setAlias(ctx, key(3), 'champion')
  await registry.versions.remove(ctx, key(3))
  const GONE = { code: 'NOT_FOUND', message: 'Model Version (name=churn, version=3) not found' }
  await expect(registry.versions.get(ctx, key(3))).rejects.toMatchObject(GONE)
  await expect(registry.versions.remove(ctx, key(3))).rejects.toMatchObject(GONE)
  await expect(registry.versions.files(ctx, key(3))).rejects.toMatchObject(GONE)
  await expect(registry.versions.describe(ctx, key(3), '')).rejects.toMatchObject(GONE)
  await expect(registry.versions.setAlias(ctx, key(3), 'x')).rejects.toMatchObject(GONE)
  await expect(
    registry.versions.setTag(ctx, key(3), { key: 'k', value: '' }),
  ).rejects.toMatchObject(GONE)
  await expect(registry.get(ctx, 'model:churn@champion')).rejects.toMatchObject({
    code: 'NOT_FOUND',
  })
  expect(await registry.models.aliasHistory(ctx, 'churn', 'champion')).toMatchObject([
    { from: null, to: '3', actor: 'local' },
    { from: '3', to: null, actor: 'local' },
  ])
  const { nodes } = await registry.lineage(ctx, `run:${runId}`, 'down')
  expect(nodes.map(({ ref }) => ref)).not.toContain('model:churn@3')
  expect(await make({ runId })).toMatchObject({ version: '4' })
  const types = ['model.version-deleted', 'model.unaliased']
  expect(
    (await shelf.store.events.since(0, 9, { types })).map(({ subject }) => subject.id),
  ).toEqual(['churn@3', 'churn@3'])
})

test('a version keeps its tags and what was said of it, null where nothing was', async () => {
  await using shelf = await openChurn()
  const { make, runId, registry } = shelf
  const tags = [{ key: 'a', value: '1' }]
  await make({ runId, description: 'd', runLink: 'http://ci/7', tags })
  await registry.versions.setTag(ctx, key(1), { key: 'b', value: '' })
  await registry.versions.removeTag(ctx, key(1), 'a')
  await registry.versions.removeTag(ctx, key(1), 'never there')
  expect(await registry.versions.get(ctx, key(1))).toMatchObject({
    tags: { b: '' },
    description: 'd',
    runLink: 'http://ci/7',
    createdBy: 'local',
  })
  expect((await registry.versions.describe(ctx, key(1), null)).description).toBeNull()
})

test.each([['', 'a.b', 'a b', 'a/b', 'a@b', 'x'.repeat(256), 'latest', 'LATEST', 'v1', 'V12']])(
  'no alias is called %j',
  async (...names) => {
    await using shelf = await openChurn()
    await shelf.make({ runId: shelf.runId })
    for (const name of names)
      await expect(shelf.registry.versions.setAlias(ctx, key(1), name)).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
        details: { field: 'alias' },
      })
  },
)

test('an alias may look like a number to MLflow, and the number stays the version', async () => {
  await using shelf = await openChurn()
  const { make, runId, registry } = shelf
  for (const _ of [1, 2]) await make({ runId })
  for (const alias of ['1', 'é', '-', 'a_b', 'production'])
    await registry.versions.setAlias(ctx, key(2), alias)
  expect((await registry.versions.byAlias(ctx, 'churn', '1')).version).toBe('2')
  expect((await registry.get(ctx, 'model:churn@1')).version).toBe('1')
  expect((await registry.get(ctx, 'model:churn@%C3%A9')).version).toBe('2')
  await registry.versions.removeAlias(ctx, 'churn', '1')
  await registry.versions.removeAlias(ctx, 'churn', '1')
  await expect(registry.versions.byAlias(ctx, 'churn', '1')).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: 'Registered model alias 1 not found.',
  })
})

test('the run that a client logged is known up and down, and tells how good its model is', async () => {
  await using shelf = await openChurn()
  const { make, runId, registry, store } = shelf
  await store.runs.logMetrics(ctx, runId, [{ key: 'auc', value: 0.8 }])
  await store.runs.addInputs(ctx, runId, [{ ref: 'dataset:rows@1', role: 'train' }])
  const { ref, digest } = await make({ runId })
  const up = await registry.lineage(ctx, ref, 'up')
  expect(up.nodes.map((node) => node.ref)).toEqual([
    ref,
    `run:${runId}`,
    `artifact:${digest}`,
    'dataset:rows@1',
  ])
  const down = await registry.lineage(ctx, 'dataset:rows@1', 'down')
  expect(down.nodes.map((node) => node.ref)).toContain(ref)
  expect(await registry.show(ctx, 'churn', [])).toMatchObject({ production: null })
  await registry.approve(ctx, ref, { decision: 'approved', note: 'looks fine' })
  await registry.versions.transition(ctx, key(1), { to: 'production', archiveExisting: true })
  expect(await registry.show(ctx, 'churn', [])).toMatchObject({
    serving: [],
    production: {
      version: { ref },
      data: [{ ref: 'dataset:rows@1' }],
      approval: { actor: 'local', note: 'looks fine' },
      verdict: null,
      metrics: { auc: 0.8 },
    },
  })
})
