import { expect, test } from 'vitest'
import { z } from 'zod'
import { ARTIFACTS, openDoors, type Doors } from './fixture.ts'

const Created = z.object({ model: z.object({ info: z.object({ model_id: z.string() }) }) })

const refusal = (status: number, code: string) => ({ status, json: { error_code: code } })
const missing = refusal(404, 'RESOURCE_DOES_NOT_EXIST')
const bad = refusal(400, 'INVALID_PARAMETER_VALUE')

const MODELS = '/api/2.0/mlflow/logged-models'

async function openModel() {
  const doors = await openDoors()
  const run = await doors.startRun()
  const created = await doors.post('/mlflow/logged-models', {
    experiment_id: '0',
    name: 'model',
    source_run_id: run,
    params: [{ key: 'C', value: '1.0' }],
    tags: [{ key: 'team', value: 'risk' }],
  })
  const id = Created.parse(created.json).model.info.model_id
  return { ...doors, run, id, created, patch: patchOf(doors) }
}

const patchOf =
  ({ ask }: Doors) =>
  (path: string, body: object) =>
    ask({
      method: 'PATCH',
      path: `${MODELS}/${path}`,
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    })

test('what MLflow refuses is refused, and where it breaks with 500 this says 400', async () => {
  await using doors = await openModel()
  const { post, patch, ask, id } = doors
  expect(await post('/mlflow/logged-models', {})).toMatchObject(bad)
  expect(await post('/mlflow/logged-models', { experiment_id: '7' })).toMatchObject(missing)
  expect(await post('/mlflow/logged-models', { experiment_id: 'x' })).toMatchObject(bad)
  expect(await post('/mlflow/logged-models', { experiment_id: '0', name: 'a/b' })).toMatchObject(
    bad,
  )
  for (const body of [{}, { status: 'X' }, { status: 9 }, { status: null }])
    expect(await patch(id, body)).toMatchObject(bad)
  expect(await patch('m-none', { status: 'LOGGED_MODEL_READY' })).toMatchObject(missing)
  expect(await ask({ path: `${MODELS}/m-none` })).toMatchObject(missing)
  expect(await ask({ method: 'DELETE', path: `${MODELS}/m-none` })).toMatchObject(missing)
  expect(await ask({ method: 'DELETE', path: `${MODELS}/${id}/tags/none` })).toMatchObject(missing)
  const search = (body: object) => post('/mlflow/logged-models/search', body)
  expect(await search({})).toMatchObject(bad)
  const experiment_ids = ['0']
  for (const body of [
    { page_token: 'x' },
    { filter: 'nope = 1' },
    { max_results: -1 },
    { order_by: [{ field_name: 'params.C' }] },
    { order_by: [{}] },
    { datasets: [{}] },
  ])
    expect([body, await search({ experiment_ids, ...body })]).toMatchObject([body, bad])
})

test('a model comes back in the shape of MLflow 3.17', async () => {
  await using doors = await openModel()
  const { run, id, created, patch, post, ask } = doors
  // As recorded from `mlflow server` 3.17.2, but for ids and times.
  const model = {
    info: {
      model_id: id,
      experiment_id: '0',
      name: 'model',
      creation_timestamp_ms: expect.any(Number),
      last_updated_timestamp_ms: expect.any(Number),
      artifact_uri: `mlflow-artifacts:/0/models/${id}/artifacts`,
      status: 'LOGGED_MODEL_PENDING',
      model_type: '',
      source_run_id: run,
      tags: [{ key: 'team', value: 'risk' }],
    },
    data: { params: [{ key: 'C', value: '1.0' }] },
  }
  expect(created.json).toEqual({ model })
  const metric = { key: 'acc', value: 0.75, timestamp: 1_795_285_013_585, step: 0 }
  const on = { dataset_name: 'd', dataset_digest: 'x' }
  await post('/mlflow/runs/log-metric', { run_id: run, ...metric, model_id: id })
  await post('/mlflow/runs/log-batch', {
    run_id: run,
    metrics: [{ ...metric, key: 'nan', value: 'NaN', model_id: id, ...on }],
  })
  const ready = await patch(id, { model_id: id, status: 'LOGGED_MODEL_READY' })
  const finished = {
    model: {
      info: { ...model.info, status: 'LOGGED_MODEL_READY' },
      data: {
        ...model.data,
        metrics: [
          { ...metric, model_id: id, run_id: run },
          { ...metric, key: 'nan', value: 'NaN', ...on, model_id: id, run_id: run },
        ],
      },
    },
  }
  expect(ready.json).toEqual(finished)
  expect((await ask({ path: `${MODELS}/${id}` })).json).toEqual(finished)
  const found = await post('/mlflow/logged-models/search', {
    experiment_ids: ['0'],
    filter: "name = 'model'",
  })
  expect(found.json).toEqual({ models: [finished.model] })
  const none = { experiment_ids: ['0'], filter: "name = 'nobody'" }
  expect((await post('/mlflow/logged-models/search', none)).json).toEqual({})
  expect((await patch(id, { status: 3 })).json).toMatchObject({
    model: { info: { status: 'LOGGED_MODEL_UPLOAD_FAILED' } },
  })
})

test('half of a dataset, and a model that is not there, are no place for a metric', async () => {
  await using doors = await openModel()
  const { run, id, post, ask } = doors
  const metric = { key: 'acc', value: 1, timestamp: 1, step: 0 }
  for (const more of [
    { model_id: id, dataset_name: 'd' },
    { model_id: id, dataset_digest: 'x' },
    { model_id: 'm-none' },
  ]) {
    const point = { ...metric, ...more }
    expect(await post('/mlflow/runs/log-metric', { run_id: run, ...point })).toMatchObject(bad)
    expect(
      await post('/mlflow/runs/log-batch', { run_id: run, metrics: [metric, point] }),
    ).toMatchObject(bad)
  }
  const history = `/api/2.0/mlflow/metrics/get-history?run_id=${run}&metric_key=acc`
  expect((await ask({ path: history })).json).not.toHaveProperty('metrics.0')
})

test('the files of a model are its own, listed and read by its id', async () => {
  await using doors = await openModel()
  const { id, ask } = doors
  const url = `${ARTIFACTS}/0/models/${id}/artifacts/data/MLmodel`
  expect(await ask({ method: 'PUT', path: url, body: 'flavors: {}' })).toMatchObject({
    status: 200,
  })
  expect(await ask({ path: url })).toMatchObject({ text: 'flavors: {}' })
  const root_uri = `mlflow-artifacts:/0/models/${id}/artifacts`
  const list = (query: string) => ask({ path: `${MODELS}/${id}/artifacts/directories${query}` })
  expect((await list('')).json).toEqual({ root_uri, files: [{ path: 'data', is_dir: true }] })
  expect((await list('?artifact_directory_path=data')).json).toEqual({
    root_uri,
    files: [{ path: 'data/MLmodel', is_dir: false, file_size: 11 }],
  })
  expect(await list('?artifact_directory_path=..')).toMatchObject(bad)
  expect(
    await ask({
      path: `/ajax-api/2.0/mlflow/logged-models/${id}/artifacts/files?artifact_file_path=data/MLmodel`,
    }),
  ).toMatchObject({ status: 200, text: 'flavors: {}' })
  await ask({ method: 'DELETE', path: `${MODELS}/${id}` })
  expect(await list('')).toMatchObject(missing)
  expect(await ask({ path: `${MODELS}/${id}` })).toMatchObject(missing)
  expect(await ask({ path: `${MODELS}/${id}?allow_deleted=true` })).toMatchObject({ status: 200 })
})

test('tags and parameters of a model come and go', async () => {
  await using doors = await openModel()
  const { id, ask, patch, post } = doors
  await patch(`${id}/tags`, { tags: [{ key: 'with/slash %', value: '1' }] })
  await post(`/mlflow/logged-models/${id}/params`, { params: [{ key: 'p', value: '1' }] })
  const key = encodeURIComponent('with/slash %')
  expect(await ask({ method: 'DELETE', path: `${MODELS}/${id}/tags/${key}` })).toMatchObject({
    status: 200,
  })
  expect((await ask({ path: `${MODELS}/${id}` })).json).toMatchObject({
    model: {
      info: { tags: [{ key: 'team', value: 'risk' }] },
      data: {
        params: [
          { key: 'C', value: '1.0' },
          { key: 'p', value: '1' },
        ],
      },
    },
  })
})

test('a run tells its datasets and models, in the shape of MLflow 3.17', async () => {
  await using doors = await openModel()
  const { run, id, post, ask } = doors
  const dataset = { name: 'd', digest: 'x', source_type: 'local', source: '{"uri":"/a"}' }
  const tags = [{ key: 'mlflow.data.context', value: 'train' }]
  expect(
    await post('/mlflow/runs/log-inputs', {
      run_id: run,
      datasets: [
        { dataset: { ...dataset, schema: '', profile: '' } },
        { dataset: { ...dataset, name: 'e', schema: '{}' }, tags },
      ],
      models: [{ model_id: id }, { model_id: id }, { model_id: 'unknown' }],
    }),
  ).toMatchObject({ status: 200, json: {} })
  const models = [{ model_id: id, step: 3 }]
  for (let i = 0; i < 2; i++)
    expect(await post('/mlflow/runs/outputs', { run_id: run, models })).toMatchObject({
      status: 200,
    })
  const { json } = await ask({ path: `/api/2.0/mlflow/runs/get?run_id=${run}` })
  expect(json).toMatchObject({
    run: {
      inputs: {
        dataset_inputs: [{ dataset }, { dataset: { ...dataset, name: 'e', schema: '{}' }, tags }],
        model_inputs: [{ model_id: id }, { model_id: 'unknown' }],
      },
      outputs: { model_outputs: [{ model_id: id, step: 3 }] },
    },
  })
  const found = await post('/mlflow/experiments/search-datasets', { experiment_ids: ['0'] })
  expect(found.json).toEqual({
    dataset_summaries: [
      { experiment_id: '0', name: 'd', digest: 'x' },
      { experiment_id: '0', name: 'e', digest: 'x', context: 'train' },
    ],
  })
  for (const body of [
    { run_id: run, datasets: [{}] },
    { run_id: run, datasets: [{ dataset: { name: 'd' } }] },
    { datasets: [] },
  ])
    expect(await post('/mlflow/runs/log-inputs', body)).toMatchObject(bad)
  expect(await post('/mlflow/runs/outputs', { run_id: run })).toMatchObject(bad)
  expect(await post('/mlflow/runs/log-inputs', { run_id: 'none' })).toMatchObject(missing)
  for (const experiment_ids of [[], Array(21).fill('0')])
    expect(await post('/mlflow/experiments/search-datasets', { experiment_ids })).toMatchObject(bad)
})
