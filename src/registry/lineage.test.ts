import { expect, test } from 'vitest'
import { digestOf } from '../core/digest.ts'
import { ctx, openShelf, VERDICT, type Shelf } from './fixture.ts'

const rows = digestOf('rows')

/** dataset → training set → fit → model:delay@1, as a pipeline leaves it. */
async function train({ store: { runs }, registry, passed }: Shelf, served?: string) {
  const pipeline = await runs.start(ctx, { kind: 'pipeline', name: 'train' })
  const parentId = pipeline.id
  const select = await runs.start(ctx, {
    kind: 'training-set',
    name: 'rows',
    parentId,
    inputs: [
      { ref: 'dataset:flights@3', role: 'dataset', digest: digestOf('parquet') },
      ...(served ? [{ ref: `endpoint:${served}`, role: 'served' }] : []),
    ],
  })
  const artifact = { ref: `artifact:${rows}`, role: 'rows', digest: rows }
  await runs.finish(ctx, select.id, { status: 'succeeded', outputs: [artifact] })
  const fit = await runs.start(ctx, { kind: 'training', name: 'fit', parentId, inputs: [artifact] })
  const digest = digestOf('model')
  await registry.register(ctx, { name: 'delay', digest, metrics: {}, runId: fit.id })
  passed.add(digest)
  return { pipeline, select, fit }
}

const answered = { findPrediction: async () => ({ model: 'model:delay@1' }) }

test('a walk from nothing is refused', async () => {
  await using shelf = await openShelf()
  const refused = {
    nonsense: 'INVALID_ARGUMENT',
    'model:delay@1': 'NOT_FOUND',
    'run:run_0': 'NOT_FOUND',
    'prediction:p_0': 'NOT_FOUND',
    'dataset:flights@1': 'NOT_FOUND',
  }
  for (const [ref, code] of Object.entries(refused))
    await expect(shelf.registry.lineage(ctx, ref, 'up')).rejects.toMatchObject({ code })
})

test('a prediction leads back to the rows of its dataset, with their digest', async () => {
  await using shelf = await openShelf(answered)
  const { select, fit } = await train(shelf)
  const { root, nodes, edges, truncated } = await shelf.registry.lineage(
    ctx,
    'prediction:p_1',
    'up',
  )
  expect(root).toBe('prediction:p_1')
  expect(truncated).toBe(false)
  expect(nodes.find(({ kind }) => kind === 'dataset')).toEqual({
    ref: 'dataset:flights@3',
    kind: 'dataset',
    digest: digestOf('parquet'),
    label: null,
  })
  expect(edges).toEqual([
    { from: 'model:delay@1', to: 'prediction:p_1', role: 'answered' },
    { from: `run:${fit.id}`, to: 'model:delay@1', role: 'registered' },
    { from: `artifact:${digestOf('model')}`, to: 'model:delay@1', role: 'files' },
    { from: `artifact:${rows}`, to: `run:${fit.id}`, role: 'rows' },
    { from: `run:${select.id}`, to: `artifact:${rows}`, role: 'rows' },
    { from: 'dataset:flights@3', to: `run:${select.id}`, role: 'dataset' },
  ])
})

test('a dataset leads down to the models made of it', async () => {
  await using shelf = await openShelf(answered)
  await train(shelf)
  const { nodes } = await shelf.registry.lineage(ctx, 'dataset:flights@3', 'down')
  expect(nodes.map(({ ref }) => ref)).toContain('model:delay@1')
})

test('a pipeline is made of what its steps read', async () => {
  await using shelf = await openShelf(answered)
  const { pipeline } = await train(shelf)
  const { nodes } = await shelf.registry.lineage(ctx, `run:${pipeline.id}`, 'up')
  expect(nodes.map(({ label }) => label)).toEqual(
    expect.arrayContaining(['pipeline train', 'training-set rows', 'training fit']),
  )
  expect(nodes.map(({ ref }) => ref)).toContain('dataset:flights@3')
})

test('the report gives the four answers', async () => {
  await using shelf = await openShelf(answered)
  await expect(shelf.registry.show(ctx, 'delay', [])).rejects.toMatchObject({ code: 'NOT_FOUND' })
  await train(shelf)
  await shelf.registry.approve(ctx, 'model:delay@1', {
    decision: 'approved',
    note: '',
    actor: 'policy:gate',
  })
  await shelf.store.catalog.write((tx) => shelf.registry.putInProduction(tx, ctx, 'model:delay@1'))
  const canary = { model: 'model:other@2', weightBp: 1000, salt: 's', releaseId: 'rel_1' }
  const report = await shelf.registry.show(ctx, 'delay', [
    { endpoint: 'flight-delay', rev: 3, stable: 'model:delay@1', previous: null, canary },
    { endpoint: 'idle', rev: 0, stable: null, previous: null, canary: null },
  ])
  expect(report.serving).toEqual([
    { endpoint: 'flight-delay', arm: 'stable', model: 'model:delay@1', weightBp: 9000 },
  ])
  expect(report.production).toMatchObject({
    version: { ref: 'model:delay@1', stage: 'production' },
    data: [{ ref: 'dataset:flights@3', digest: digestOf('parquet') }],
    approval: { actor: 'policy:gate' },
    verdict: VERDICT,
  })
})

test("a model that learned from an endpoint's answers says so beside its dataset", async () => {
  await using shelf = await openShelf()
  await train(shelf, 'delay')
  await shelf.store.catalog.write((tx) => shelf.registry.putInProduction(tx, ctx, 'model:delay@1'))
  const { production } = await shelf.registry.show(ctx, 'delay', [])
  expect(production?.data.map(({ ref }) => ref)).toEqual(['dataset:flights@3', 'endpoint:delay'])
})
