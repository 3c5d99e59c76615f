import { Run } from '@gyre/sdk/wire/run'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { CTX, wired } from './contract/wired.ts'
import { createEvents } from './events.ts'
import { createRuns } from './runs.ts'

async function opened() {
  const parts = await wired()
  const events = createEvents(parts)
  return { ...parts, events, runs: createRuns({ ...parts, events }) }
}

const TRAINING = { kind: 'training', name: 'fit' }

const ids = async (found: Promise<readonly Run[]>) => (await found).map(({ id }) => id)

test('an unknown run, and one of another project, is NOT_FOUND for every verb', async () => {
  const { runs } = await opened()
  const { id } = await runs.start(CTX, TRAINING)
  const other = { ...CTX, project: 'other' }
  for (const [ctx, run] of [
    [CTX, 'run_none'],
    [other, id],
  ] as const) {
    const missing = { code: 'NOT_FOUND' }
    expect(await runs.find(ctx, run)).toBeUndefined()
    await expect(runs.get(ctx, run)).rejects.toMatchObject(missing)
    await expect(runs.finish(ctx, run, { status: 'lost' })).rejects.toMatchObject(missing)
    await expect(runs.logMetrics(ctx, run, [])).rejects.toMatchObject(missing)
    await expect(runs.addInputs(ctx, run, [])).rejects.toMatchObject(missing)
    await expect(runs.metricHistory(ctx, run, 'auc', 1)).rejects.toMatchObject(missing)
    await expect(runs.start(ctx, { ...TRAINING, parentId: run })).rejects.toMatchObject(missing)
  }
})

test('a run that has ended cannot end again', async () => {
  const { runs, events } = await opened()
  const { id } = await runs.start(CTX, TRAINING)
  await runs.finish(CTX, id, { status: 'failed', error: { code: 'STEP_FAILED', message: 'no' } })
  await expect(runs.finish(CTX, id, { status: 'succeeded' })).rejects.toMatchObject({
    code: 'CONFLICT',
  })
  expect(await runs.get(CTX, id)).toMatchObject({
    status: 'failed',
    error: { code: 'STEP_FAILED', message: 'no' },
  })
  expect((await events.since(0, 9)).map(({ type }) => type)).toEqual([
    'run.started',
    'run.finished',
  ])
})

test('everything a run was started with comes back', async () => {
  const { runs, clock } = await opened()
  const parent = await runs.start(CTX, { kind: 'pipeline', name: 'train' })
  const given = {
    kind: 'step',
    name: 'fit',
    params: { rate: 0.1, deep: { list: [1, null, 'x'] } },
    inputs: [{ ref: 'dataset:flights@1', role: 'train', digest: 'sha256:ab' }],
    parentId: parent.id,
    code: { digest: 'sha256:cd', dirty: true },
    environment: { node: 'v20' },
    tags: { owner: 'ann' },
    seed: 7,
  }
  const { id } = await runs.start(CTX, given)
  clock.advance(1_000)
  await runs.setTags(CTX, id, { stage: 'dev' })
  const outputs = [{ ref: 'model:delay@1', role: 'model' }]
  const run = await runs.finish(CTX, id, { status: 'succeeded', outputs })
  expect(run).toEqual({
    ...given,
    id,
    project: 'default',
    actor: 'local',
    status: 'succeeded',
    experiment: null,
    startedAt: '2001-01-01T00:00:00.000Z',
    endedAt: '2001-01-01T00:00:01.000Z',
    tags: { owner: 'ann', stage: 'dev' },
    outputs,
    metrics: {},
    error: null,
  })
})

test('NaN and the infinities survive the database and the wire', async () => {
  const { runs } = await opened()
  const { id } = await runs.start(CTX, TRAINING)
  const values = { nan: NaN, up: Infinity, down: -Infinity, tiny: 1e-300 }
  const points = Object.entries(values).map(([key, value]) => ({ key, value }))
  await runs.logMetrics(CTX, id, points)
  const run = await runs.get(CTX, id)
  expect(run.metrics).toEqual(values)
  const wire: unknown = JSON.parse(JSON.stringify(z.encode(Run, run)))
  expect(wire).toMatchObject({ metrics: { nan: 'NaN', up: 'Infinity', down: '-Infinity' } })
  expect(Run.parse(wire).metrics['nan']).toBeNaN()
})

test('the metric of a run is that of the greatest step, then the latest time, then the last logged', async () => {
  const { runs } = await opened()
  const { id } = await runs.start(CTX, TRAINING)
  const at = '2001-01-02T00:00:00Z'
  await runs.logMetrics(CTX, id, [
    { key: 'loss', value: 3, step: 2, at },
    { key: 'loss', value: 2, step: 1, at: '2001-01-03T00:00:00Z' },
    { key: 'loss', value: 1, step: 2, at: '2001-01-01T00:00:00Z' },
    { key: 'auc', value: 0.5, step: 0, at },
    { key: 'auc', value: 0.6, step: 0, at },
  ])
  expect((await runs.get(CTX, id)).metrics).toEqual({ loss: 3, auc: 0.6 })
})

test('a history of ten thousand points pages without a gap', async () => {
  const { runs } = await opened()
  const { id } = await runs.start(CTX, TRAINING)
  const points = Array.from({ length: 10_000 }, (_, step) => ({ key: 'loss', value: step, step }))
  await runs.logMetrics(CTX, id, points)
  const values: number[] = []
  let cursor: string | undefined
  do {
    const page = await runs.metricHistory(CTX, id, 'loss', 3_000, cursor)
    values.push(...page.points.map((point) => point.value))
    cursor = page.next
  } while (cursor !== undefined)
  expect(values).toEqual(points.map(({ value }) => value))
  await expect(runs.metricHistory(CTX, id, 'loss', 1, 'nonsense')).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    details: { field: 'cursor', got: 'nonsense' },
  })
})

test('lineage is found from both ends, and the same edge named twice is one', async () => {
  const { runs } = await opened()
  const dataset = { ref: 'dataset:flights@1', role: 'train' }
  const model = { ref: 'model:delay@1', role: 'model' }
  const first = await runs.start(CTX, { ...TRAINING, inputs: [dataset] })
  await runs.addInputs(CTX, first.id, [dataset, { ...dataset, role: 'test' }])
  await runs.addOutputs(CTX, first.id, [model, model])
  const second = await runs.start(CTX, { kind: 'evaluation', name: 'gate', inputs: [model] })
  expect(await ids(runs.producersOf(CTX, model.ref))).toEqual([first.id])
  expect(await ids(runs.consumersOf(CTX, model.ref))).toEqual([second.id])
  expect((await runs.get(CTX, first.id)).inputs).toEqual([dataset, { ...dataset, role: 'test' }])
  expect(await ids(runs.producersOf({ ...CTX, project: 'other' }, model.ref))).toEqual([])
})

test('the list is newest first, filtered, and pages to its end', async () => {
  const { runs } = await opened()
  for (const name of ['a', 'b', 'c', 'd']) await runs.start(CTX, { kind: 'training', name })
  await runs.start(CTX, { kind: 'evaluation', name: 'e' })
  const page = await runs.list(CTX, { kind: 'training' }, 3)
  expect(page.runs.map(({ name }) => name)).toEqual(['d', 'c', 'b'])
  const last = await runs.list(CTX, { kind: 'training' }, 3, page.next)
  expect(last).toMatchObject({ runs: [{ name: 'a' }], next: undefined })
  await expect(runs.list(CTX, {}, 3, 'x')).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    details: { field: 'cursor', got: 'x' },
  })
})

test('verbs given a tx are part of that unit', async () => {
  const { runs, catalog, events } = await opened()
  const failing = catalog.write(async (tx) => {
    const { id } = await runs.start(CTX, TRAINING, tx)
    await runs.logMetrics(CTX, id, [{ key: 'auc', value: 1 }], tx)
    throw new Error('no')
  })
  await expect(failing).rejects.toThrow('no')
  expect((await runs.list(CTX, {}, 9)).runs).toEqual([])
  expect(await events.since(0, 9)).toEqual([])
})

test('a run whose validation turned while it learned is flagged when it ends, and one that did not is not', async () => {
  const { runs } = await opened()
  const log = async (turn: number) => {
    const { id } = await runs.start(CTX, TRAINING)
    const points = Array.from({ length: 40 }, (_, step) => [
      { key: 'train_loss', value: Math.exp(-step / 10), step },
      { key: 'val_loss', value: 0.5 + Math.exp(-step / 10) + Math.max(0, step - turn) / 20, step },
    ]).flat()
    await runs.logMetrics(CTX, id, points)
    return (await runs.finish(CTX, id, { status: 'succeeded' })).tags['gyre.overfit']
  }
  expect(await log(15)).toMatch(
    /^val_loss went from 0\.7\d+ at step 15 to 1\.6\d+, while train_loss/,
  )
  expect(await log(40)).toBeUndefined()
})
