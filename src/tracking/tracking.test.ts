import { expect, test } from 'vitest'
import { ctx, openLogbook } from './fixture.ts'

const other = { ...ctx, project: 'other' }

const point = (key: string, value: number, step: number, atMs = 1_000) => ({
  key,
  value,
  step,
  atMs,
})

test('what is not there, deleted or of another project is refused by every verb', async () => {
  await using book = await openLogbook()
  const { tracking } = book
  const [known, deleted] = [await book.start(), await book.start()]
  await tracking.setDeleted(ctx, deleted, true)
  for (const [asker, run, code] of [
    [ctx, 'run_none', 'NOT_FOUND'],
    [other, known, 'NOT_FOUND'],
    [ctx, deleted, 'CONFLICT'],
  ] as const) {
    const refused = { code }
    await expect(tracking.update(asker, run, {})).rejects.toMatchObject(refused)
    await expect(tracking.log(asker, run, {})).rejects.toMatchObject(refused)
    const tag = { key: 'a', value: 'b' }
    await expect(tracking.setTag(asker, run, tag)).rejects.toMatchObject(refused)
    await expect(tracking.removeTag(asker, run, 'a')).rejects.toMatchObject(refused)
    if (code === 'CONFLICT') continue
    await expect(tracking.get(asker, run)).rejects.toMatchObject(refused)
    await expect(tracking.setDeleted(asker, run, true)).rejects.toMatchObject(refused)
    await expect(tracking.history(asker, run, 'm', 1)).rejects.toMatchObject(refused)
    await expect(tracking.chart(asker, run, 'm', 1)).rejects.toMatchObject(refused)
  }
})

test('a batch with one bad member writes nothing of itself', async () => {
  await using book = await openLogbook()
  const { tracking } = book
  const id = await book.start()
  await tracking.log(ctx, id, { params: [{ key: 'lr', value: '0.1' }] })
  const good = { metrics: [point('loss', 1, 0)], tags: [{ key: 'good', value: 'yes' }] }
  for (const [bad, field] of [
    [{ params: [{ key: 'lr', value: '0.2' }] }, 'params'],
    [{ params: [{ key: 'a,b', value: '1' }] }, 'params[0].key'],
    [{ metrics: [point('loss', 1, 0), point('../up', 1, 0)] }, 'metrics[1].key'],
    [{ tags: [{ key: 'x'.repeat(251), value: '' }] }, 'tags[0].key'],
    [{ params: Array.from({ length: 101 }, (_, i) => ({ key: `p${i}`, value: '' })) }, 'params'],
    [{ params: ['p', 'p'].map((key) => ({ key, value: '1' })) }, 'params[1].key'],
  ] as const)
    await expect(tracking.log(ctx, id, { ...good, ...bad })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      details: { field },
    })
  const { metrics, params, tags } = await tracking.get(ctx, id)
  expect(metrics).toEqual([])
  expect(params).toEqual([{ key: 'lr', value: '0.1' }])
  expect(tags).toEqual([{ key: 'mlflow.runName', value: 'fit' }])
})

test('a long value is cut off after so many characters, an astral one counted once', async () => {
  await using book = await openLogbook()
  const id = await book.start()
  await book.tracking.log(ctx, id, {
    params: [
      { key: 'long', value: 'p'.repeat(6_001) },
      { key: 'rockets', value: '🚀'.repeat(6_000) },
    ],
    tags: [{ key: 'long', value: 't'.repeat(8_001) }],
  })
  const { params, tags } = await book.tracking.get(ctx, id)
  expect(params.map(({ value }) => Array.from(value).length)).toEqual([6_000, 6_000])
  expect(tags.find(({ key }) => key === 'long')?.value.length).toBe(8_000)
})

test('the name of a run and its tag say the same, whichever was set last', async () => {
  await using book = await openLogbook()
  const { tracking } = book
  const made = await tracking.start(ctx, { experiment: 0, userId: '', tags: [] })
  expect(made.name).toMatch(/^[a-z]+-[a-z]+-\d{1,3}$/)
  const tagOf = async () =>
    (await tracking.get(ctx, made.id)).tags.find(({ key }) => key === 'mlflow.runName')?.value
  expect(await tagOf()).toBe(made.name)
  await tracking.update(ctx, made.id, { name: 'second' })
  expect(await tagOf()).toBe('second')
  await tracking.setTag(ctx, made.id, { key: 'mlflow.runName', value: 'third' })
  expect((await tracking.get(ctx, made.id)).name).toBe('third')
  const twice = { name: 'a', tags: [{ key: 'mlflow.runName', value: 'b' }] }
  await expect(tracking.start(ctx, { experiment: 0, userId: '', ...twice })).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    details: { field: 'run_name' },
  })
})

test('a run that ended may go on, and every change of its state is an event', async () => {
  await using book = await openLogbook()
  const { tracking, store } = book
  const id = await book.start()
  await tracking.update(ctx, id, { phase: 'FINISHED', endMs: 2n ** 60n })
  expect(await tracking.get(ctx, id)).toMatchObject({ phase: 'FINISHED', endMs: 2n ** 60n })
  expect((await store.runs.get(ctx, id)).status).toBe('succeeded')
  await tracking.update(ctx, id, { phase: 'RUNNING' })
  await tracking.update(ctx, id, { phase: 'KILLED' })
  expect((await store.runs.get(ctx, id)).status).toBe('cancelled')
  const events = await store.events.since(0, 99, { subject: { kind: 'run', id } })
  expect(events.map(({ type }) => type)).toEqual([
    'run.started',
    'run.finished',
    'run.resumed',
    'run.finished',
  ])
})

test('an experiment takes its runs along when it is deleted, and when it comes back', async () => {
  await using book = await openLogbook()
  const { tracking, clock } = book
  const { number } = await tracking.experiments.create(ctx, { name: 'churn' })
  const run = await tracking.start(ctx, { experiment: number, userId: '', tags: [] })
  clock.advance(1_000)
  await tracking.experiments.remove(ctx, number)
  expect(await tracking.get(ctx, run.id)).toMatchObject({ isDeleted: true })
  const start = { experiment: number, userId: '', tags: [] }
  await expect(tracking.start(ctx, start)).rejects.toMatchObject({ code: 'CONFLICT' })
  await expect(tracking.experiments.remove(ctx, number)).rejects.toMatchObject({
    code: 'NOT_FOUND',
  })
  await expect(tracking.experiments.create(ctx, { name: 'churn' })).rejects.toMatchObject({
    code: 'ALREADY_EXISTS',
  })
  await tracking.experiments.restore(ctx, number)
  expect(await tracking.get(ctx, run.id)).toMatchObject({ isDeleted: false })
})

test('each project has a Default of its own and counts its experiments from 1', async () => {
  await using book = await openLogbook()
  const { experiments } = book.tracking
  for (const asker of [ctx, other]) {
    expect(await experiments.get(asker, 0)).toMatchObject({ name: 'Default', isDeleted: false })
    expect((await experiments.create(asker, { name: 'first' })).number).toBe(1)
  }
  await experiments.rename(ctx, 1, 'renamed')
  expect((await experiments.byName(other, 'first')).number).toBe(1)
  await expect(experiments.byName(ctx, 'first')).rejects.toMatchObject({ code: 'NOT_FOUND' })
})

test('a child run knows its parent, for lineage', async () => {
  await using book = await openLogbook()
  const parent = await book.start('parent')
  const child = await book.tracking.start(ctx, {
    experiment: 0,
    userId: '',
    tags: [{ key: 'mlflow.parentRunId', value: parent }],
  })
  expect((await book.store.runs.get(ctx, child.id)).parentId).toBe(parent)
})
