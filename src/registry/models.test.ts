import { expect, test } from 'vitest'
import { ctx, GATED, openShelf, UNGOVERNED, type Shelf } from './fixture.ts'

const ungoverned = { policy: async () => UNGOVERNED }
const other = { ...ctx, project: 'other' }

/** A model with one version of a run's files, as MLflow's clients make them. */
async function logged(shelf: Shelf, name: string) {
  const { registry } = shelf
  const runId = await shelf.logged({ 'model/MLmodel': 'flavors: {}' })
  await registry.models.create(ctx, { name })
  return registry.versions.create(ctx, { name, source: `runs:/${runId}/model`, runId })
}

test('a name that is none, taken or unknown is refused by every verb', async () => {
  await using shelf = await openShelf(ungoverned)
  const { models } = shelf.registry
  await models.create(ctx, { name: 'churn' })
  const INVALID = { code: 'INVALID_ARGUMENT', details: { field: 'name' } }
  for (const name of ['', '..', 'a/b', 'a:b', 'x'.repeat(501)]) {
    await expect(models.create(ctx, { name })).rejects.toMatchObject(INVALID)
    await expect(models.get(ctx, name)).rejects.toMatchObject(INVALID)
    await expect(models.rename(ctx, 'churn', name)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      details: { field: 'new_name' },
    })
  }
  await expect(models.create(ctx, { name: 'churn' })).rejects.toMatchObject({
    code: 'ALREADY_EXISTS',
  })
  const MISSING = { code: 'NOT_FOUND' }
  for (const of of [ctx, other]) {
    const name = of === ctx ? 'nobody' : 'churn'
    await expect(models.get(of, name)).rejects.toMatchObject(MISSING)
    await expect(models.describe(of, name, 'x')).rejects.toMatchObject(MISSING)
    await expect(models.rename(of, name, 'x')).rejects.toMatchObject(MISSING)
    await expect(models.remove(of, name)).rejects.toMatchObject(MISSING)
    await expect(models.setTag(of, name, { key: 'k', value: '' })).rejects.toMatchObject(MISSING)
    await expect(models.removeTag(of, name, 'k')).rejects.toMatchObject(MISSING)
    await expect(models.aliasHistory(of, name)).rejects.toMatchObject(MISSING)
  }
})

test('a tag that MLflow refuses is refused, and leaves nothing behind', async () => {
  await using shelf = await openShelf(ungoverned)
  const { models } = shelf.registry
  const refused = [
    { key: '', value: '' },
    { key: 'bad!', value: '' },
    { key: '../x', value: '' },
    { key: 'k'.repeat(251), value: '' },
    { key: 'k', value: 'v'.repeat(100_001) },
  ]
  for (const tag of refused)
    await expect(models.create(ctx, { name: 'churn', tags: [tag] })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    })
  await expect(models.get(ctx, 'churn')).rejects.toMatchObject({ code: 'NOT_FOUND' })
})

test('a model keeps what was said of it; the last of two equal keys counts', async () => {
  await using shelf = await openShelf(ungoverned)
  const { models } = shelf.registry
  const tags = [
    { key: 'a', value: '1' },
    { key: 'a', value: '2' },
    { key: 'µ/x y', value: '' },
  ]
  await models.create(ctx, { name: 'Ünï ¢ode 🚀', description: 'd', tags })
  await models.setTag(ctx, 'Ünï ¢ode 🚀', { key: 'b', value: '3' })
  await models.removeTag(ctx, 'Ünï ¢ode 🚀', 'a')
  await models.removeTag(ctx, 'Ünï ¢ode 🚀', 'never there')
  expect(await models.describe(ctx, 'Ünï ¢ode 🚀', 'dd')).toEqual({
    name: 'Ünï ¢ode 🚀',
    description: 'dd',
    createdAt: '2001-01-01T00:00:00.000Z',
    updatedAt: '2001-01-01T00:00:00.000Z',
    tags: { b: '3', 'µ/x y': '' },
    aliases: {},
    latest: [],
  })
})

test('a rename takes versions, aliases, decisions and what runs say with it, in one unit', async () => {
  await using shelf = await openShelf(ungoverned)
  const { registry, store } = shelf
  const { ref, runId } = await logged(shelf, 'my model')
  expect(ref).toBe('model:my%20model@1')
  await registry.versions.setAlias(ctx, { name: 'my model', version: 1 }, 'champion')
  await registry.approve(ctx, ref, { decision: 'approved', note: 'ok' })
  const run = { kind: 'training', name: 'next' }
  const inputs = [
    { ref, role: 'start' },
    { ref: 'model:my%20models@1', role: 'other' },
  ]
  const user = await store.runs.start(ctx, { ...run, inputs })
  const stranger = await store.runs.start(other, { ...run, inputs })

  const renamed = await registry.models.rename(ctx, 'my model', 'a@b')
  expect(renamed).toMatchObject({ name: 'a@b', aliases: { champion: '1' } })
  expect(renamed.latest[0]).toMatchObject({ ref: 'model:a%40b@1', runId })
  expect(await registry.get(ctx, 'model:a%40b@champion')).toMatchObject({
    approvals: [{ note: 'ok' }],
  })
  expect(await registry.find(ctx, ref)).toBeUndefined()
  expect((await store.runs.get(ctx, user.id)).inputs).toEqual([
    { ref: 'model:a%40b@1', role: 'start' },
    inputs[1],
  ])
  expect((await store.runs.get(other, stranger.id)).inputs).toEqual(inputs)
  expect(await registry.models.aliasHistory(ctx, 'a@b')).toMatchObject([{ to: '1' }])
  const { nodes } = await registry.lineage(ctx, 'model:a%40b@1', 'down')
  expect(nodes.map((node) => node.ref)).toContain(`run:${user.id}`)
  expect(await store.events.latest({ types: ['model.renamed'] })).toMatchObject({
    subject: { kind: 'model', id: 'a%40b' },
    data: { from: 'my model', to: 'a@b' },
  })
})

test('a name that code gates or an endpoint answers with stays, in either direction', async () => {
  await using shelf = await openShelf({
    policy: async (_tx, _ctx, name) => (name === 'gated' ? GATED : UNGOVERNED),
  })
  const { models } = shelf.registry
  for (const name of ['gated', 'free', 'declared']) await models.create(ctx, { name })
  shelf.endpoints.push({ endpoint: 'e', model: 'declared', versions: [] })
  const CONFLICT = { code: 'CONFLICT' }
  await expect(models.rename(ctx, 'gated', 'loose')).rejects.toMatchObject(CONFLICT)
  await models.remove(ctx, 'gated')
  await expect(models.rename(ctx, 'free', 'gated')).rejects.toMatchObject(CONFLICT)
  await expect(models.rename(ctx, 'declared', 'x')).rejects.toMatchObject(CONFLICT)
  await expect(models.rename(ctx, 'free', 'declared')).rejects.toMatchObject({
    code: 'ALREADY_EXISTS',
  })
  expect(await models.rename(ctx, 'free', 'free')).toMatchObject({ name: 'free' })
})

test('what a route names is neither renamed nor deleted, the version to roll back to included', async () => {
  await using shelf = await openShelf(ungoverned)
  const { registry, endpoints } = shelf
  for (const files of ['one', 'two', 'three']) await shelf.add(files)
  endpoints.push({
    endpoint: 'e',
    model: 'else',
    versions: ['model:delay@2', 'model:delay@1'],
  })
  const CONFLICT = { code: 'CONFLICT', details: { endpoint: 'e' } }
  await expect(registry.models.rename(ctx, 'delay', 'x')).rejects.toMatchObject(CONFLICT)
  await expect(registry.models.remove(ctx, 'delay')).rejects.toMatchObject(CONFLICT)
  for (const version of [1, 2])
    await expect(registry.versions.remove(ctx, { name: 'delay', version })).rejects.toMatchObject(
      CONFLICT,
    )
  await registry.versions.remove(ctx, { name: 'delay', version: 3 })
  expect((await registry.list(ctx, 'delay')).map(({ version }) => version)).toEqual(['2', '1'])
})

test('a deleted model that nothing names begins again at 1, as with MLflow', async () => {
  await using shelf = await openShelf(ungoverned)
  const { models, versions } = shelf.registry
  await logged(shelf, 'churn')
  await versions.setAlias(ctx, { name: 'churn', version: 1 }, 'champion')
  await models.remove(ctx, 'churn')
  await expect(models.get(ctx, 'churn')).rejects.toMatchObject({ code: 'NOT_FOUND' })
  const again = await logged(shelf, 'churn')
  expect(again).toMatchObject({ version: '1', aliases: [], approvals: [] })
})

test('the numbers of a deleted model that a run or an endpoint names are not given again', async () => {
  await using shelf = await openShelf(ungoverned)
  const { registry, store, endpoints } = shelf
  const used = await logged(shelf, 'used')
  await store.runs.start(ctx, {
    kind: 'training',
    name: 'next',
    inputs: [{ ref: used.ref, role: 'start' }],
  })
  await logged(shelf, 'declared')
  endpoints.push({ endpoint: 'e', model: 'declared', versions: [] })
  for (const name of ['used', 'declared']) {
    await registry.models.setTag(ctx, name, { key: 'k', value: 'v' })
    await registry.versions.setAlias(ctx, { name, version: 1 }, 'champion')
    await registry.models.remove(ctx, name)
    expect(await registry.find(ctx, `model:${name}@1`)).toBeUndefined()
    expect(await registry.list(ctx, name)).toEqual([])
    const again = await logged(shelf, name)
    expect(again.version).toBe('2')
    expect(await registry.models.get(ctx, name)).toMatchObject({ tags: {}, aliases: {} })
  }
  await registry.models.remove(ctx, 'used')
  await registry.models.create(ctx, { name: 'free' })
  await expect(registry.models.rename(ctx, 'free', 'used')).rejects.toMatchObject({
    code: 'ALREADY_EXISTS',
  })
})

test('the newest version of each stage, in the order in which the stages came', async () => {
  await using shelf = await openShelf(ungoverned)
  const { registry } = shelf
  for (const files of ['a', 'b', 'c', 'd']) await shelf.add(files)
  const move = (version: number) =>
    registry.versions.transition(
      ctx,
      { name: 'delay', version },
      { to: 'staging', archiveExisting: false },
    )
  await move(1)
  await move(3)
  const { latest } = await registry.models.get(ctx, 'delay')
  expect(latest.map(({ version, stage }) => [version, stage])).toEqual([
    ['3', 'staging'],
    ['4', 'none'],
  ])
})
