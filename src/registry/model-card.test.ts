import type { ModelSpec } from '@gyre/sdk/wire/model'
import { expect, test } from 'vitest'
import { ctx, openShelf, UNGOVERNED } from './fixture.ts'

const INPUTS =
  '[{"type": "double", "name": "visits", "required": true}, {"type": "string", "name": "plan"}]'
const OUTPUTS = '[{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1]}}]'
const PARAMS = '[{"name": "top", "type": "long", "default": 5, "shape": null}]'

/** As mlflow 3.17.2 writes it, cut to what is read. */
const ML_MODEL = `flavors:
  python_function:
    loader_module: mlflow.sklearn
signature:
  inputs: '${INPUTS}'
  outputs: '${OUTPUTS}'
  params: '${PARAMS}'
utc_time_created: '2026-01-02 03:04:05.678901'
`

/** The card of a version made of a run's folder `model` with this `MLmodel`. */
async function cardWith(text: string) {
  await using shelf = await openShelf({ policy: async () => UNGOVERNED })
  const { registry, store } = shelf
  const runId = await shelf.logged({ 'model/MLmodel': text, 'model/weights': 'w' })
  await store.runs.logMetrics(ctx, runId, [{ key: 'auc', value: 0.8 }])
  await store.runs.addInputs(ctx, runId, [{ ref: 'dataset:visits@1', role: 'train' }])
  await registry.models.create(ctx, {
    name: 'churn',
    description: 'who leaves',
    tags: [{ key: 'team', value: 'risk' }],
  })
  const made = await registry.versions.create(ctx, {
    name: 'churn',
    source: `runs:/${runId}/model`,
    runId,
  })
  await registry.approve(ctx, made.ref, { decision: 'approved', note: 'looks fine' })
  return await registry.card(ctx, made.ref)
}

test('a version that is not there has no card', async () => {
  await using shelf = await openShelf()
  await expect(shelf.registry.card(ctx, 'model:churn@1')).rejects.toMatchObject({
    code: 'NOT_FOUND',
  })
})

test.each([
  ['nothing', ''],
  ['no YAML', '{ [ : \t'],
  ['no signature', 'flavors: {}'],
  ['a signature that is text', 'signature: x'],
  ['inputs that are no JSON', "signature:\n  inputs: '[{'"],
  ['inputs that are no text', 'signature:\n  inputs: [1]'],
  ['an alias, which may be a bomb', 'a: &a [1]\nb: *a\nsignature:\n  inputs: "[]"'],
])('files that tell %s tell no signature, and the rest is there', async (_what, text) => {
  expect(await cardWith(text)).toMatchObject({ signature: null, metrics: { auc: 0.8 } })
})

test('the card of a version holds what MLflow wrote of it, and what is known beside', async () => {
  expect(await cardWith(ML_MODEL)).toMatchObject({
    version: { ref: 'model:churn@1' },
    description: 'who leaves',
    tags: { team: 'risk' },
    signature: {
      inputs: JSON.parse(INPUTS),
      outputs: JSON.parse(OUTPUTS),
      params: JSON.parse(PARAMS),
    },
    data: [{ ref: 'dataset:visits@1' }],
    approval: { actor: 'local', note: 'looks fine' },
    metrics: { auc: 0.8 },
  })
  const half = `signature:\n  inputs: '${INPUTS}'\n  outputs: null\n`
  expect((await cardWith(half)).signature).toEqual({
    inputs: JSON.parse(INPUTS),
    outputs: null,
    params: null,
  })
})

test('a prompt has no files, and tells no signature', async () => {
  await using shelf = await openShelf()
  const { registry } = shelf
  const tags = [{ key: 'mlflow.prompt.is_prompt', value: 'true' }]
  await registry.models.create(ctx, { name: 'hi', tags })
  await registry.versions.create(ctx, { name: 'hi', source: 'dummy-source', tags })
  expect(await registry.card(ctx, 'model:hi@1')).toMatchObject({ signature: null, data: [] })
})

/** As Gyre writes it beside the network that it trained, with one input. */
const SPEC: ModelSpec = {
  format: 'gyre-model/1',
  task: 'binary',
  inputs: [{ kind: 'field', name: 'visits', field: 'visits' }],
  fields: { visits: 'number' },
  rates: {},
  code: null,
  reference: {
    rows: 0,
    inputs: {},
    score: { bins: null, counts: [], missing: 0 },
  },
  training: {
    rowsDigest: `sha256:${'0'.repeat(64)}`,
    rows: 0,
    from: null,
    until: null,
    algorithm: 'trees',
    options: {},
    importance: {},
  },
}

test('a model that Gyre trained takes the inputs of its vector and gives a score', async () => {
  await using shelf = await openShelf()
  const { registry, store } = shelf
  const { id } = await store.runs.start(ctx, { kind: 'training', name: 'fit' })
  const file = await store.blobs.put(Buffer.from(JSON.stringify(SPEC)))
  const { digest } = await store.blobs.putTree([{ path: 'model.json', artifact: file }])
  const { ref } = await registry.register(ctx, {
    name: 'churn',
    digest,
    metrics: { auc: 0.7 },
    runId: id,
  })
  expect(await registry.card(ctx, ref)).toMatchObject({
    signature: {
      inputs: [{ type: 'double', name: 'visits', required: true }],
      outputs: [{ type: 'double', name: 'score', required: true }],
      params: null,
    },
    params: {},
    metrics: { auc: 0.7 },
  })
})
