import { expect, test } from 'vitest'
import { z } from 'zod'
import { GATED, VERDICT } from '../../registry/fixture.ts'
import { ARTIFACTS, as, openDoors, type Doors } from './fixture.ts'

const MS = expect.any(Number)
const PROMPT = [
  { key: 'mlflow.prompt.is_prompt', value: 'true' },
  { key: 'mlflow.prompt.text', value: 'Hi {{x}}' },
]

function refusal(status: number, code: string, message: string | RegExp = /./) {
  return { status, json: { error_code: code, message: expect.stringMatching(message) } }
}

const invalid = refusal(400, 'INVALID_PARAMETER_VALUE')
const missing = refusal(404, 'RESOURCE_DOES_NOT_EXIST')

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE'

/** What MLflow's clients send: GET in the query, anything else in the body. */
function asker(doors: Doors, headers: Readonly<Record<string, string>> = {}) {
  return (method: Method, path: string, input: Readonly<Record<string, unknown>> = {}) => {
    const base = `/api/2.0/mlflow/${path}`
    const body = JSON.stringify(input)
    // Node sends no length of a DELETE's body by itself.
    const sized = {
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(body)),
      ...headers,
    }
    if (method !== 'GET') return doors.ask({ method, path: base, body, headers: sized })
    const query = new URLSearchParams(
      Object.entries(input).flatMap(([key, value]) =>
        [value].flat().map((one): [string, string] => [key, String(one)]),
      ),
    )
    return doors.ask({ method, path: `${base}?${query.toString()}`, headers })
  }
}

/** A model `churn` with one version of a run's folder `model`. */
async function openChurn(options: Parameters<typeof openDoors>[0] = {}) {
  const doors = await openDoors(options)
  const ask = asker(doors)
  const run = await doors.startRun()
  const source = `mlflow-artifacts:/0/${run}/artifacts/model`
  for (const path of ['MLmodel', 'data/w', 'empty'])
    await doors.ask({
      method: 'PUT',
      path: `${ARTIFACTS}/0/${run}/artifacts/model/${path}`,
      body: path === 'empty' ? '' : `bytes of ${path}`,
    })
  await ask('POST', 'registered-models/create', { name: 'churn' })
  const made = await ask('POST', 'model-versions/create', { name: 'churn', source, run_id: run })
  return { ...doors, mlflow: ask, run, source, made }
}

const REFUSED: readonly [Method, string, Readonly<Record<string, unknown>>, object][] = [
  ['POST', 'registered-models/create', {}, invalid],
  ['POST', 'registered-models/create', { name: '' }, invalid],
  ['POST', 'registered-models/create', { name: 7 }, invalid],
  ['POST', 'registered-models/create', { name: 'a/b' }, invalid],
  ['POST', 'registered-models/create', { name: 'x', tags: 'y' }, invalid],
  ['POST', 'registered-models/create', { name: 'churn' }, refusal(400, 'RESOURCE_ALREADY_EXISTS')],
  ['GET', 'registered-models/get', {}, invalid],
  ['GET', 'registered-models/get', { name: 'a/b' }, invalid],
  ['GET', 'registered-models/get', { name: 'nobody' }, missing],
  ['PATCH', 'registered-models/update', { name: 'nobody' }, missing],
  ['POST', 'registered-models/rename', { name: 'churn' }, invalid],
  ['POST', 'registered-models/rename', { name: 'churn', new_name: 'a:b' }, invalid],
  ['POST', 'registered-models/rename', { name: 'nobody', new_name: 'x' }, missing],
  ['DELETE', 'registered-models/delete', { name: 'nobody' }, missing],
  ['POST', 'registered-models/set-tag', { name: 'churn', key: '' }, invalid],
  ['POST', 'registered-models/set-tag', { name: 'churn', key: 'bad!', value: '' }, invalid],
  ['POST', 'registered-models/set-tag', { name: 'nobody', key: 'k', value: '' }, missing],
  ['DELETE', 'registered-models/delete-tag', { name: 'nobody', key: 'k' }, missing],
  ['POST', 'registered-models/alias', { name: 'churn', alias: 'v1', version: '1' }, invalid],
  ['POST', 'registered-models/alias', { name: 'churn', alias: 'x', version: 'abc' }, invalid],
  ['POST', 'registered-models/alias', { name: 'churn', alias: 'x', version: 1 }, invalid],
  ['POST', 'registered-models/alias', { name: 'churn', alias: 'x', version: '9' }, missing],
  // No such alias is no 404 with MLflow.
  ['GET', 'registered-models/alias', { name: 'churn', alias: 'x' }, invalid],
  ['GET', 'registered-models/alias', { name: 'nobody', alias: 'x' }, missing],
  ['DELETE', 'registered-models/alias', { name: 'nobody', alias: 'x' }, missing],
  ['POST', 'registered-models/get-latest-versions', { name: 'churn', stages: ['bad'] }, invalid],
  ['GET', 'registered-models/get-latest-versions', { name: 'nobody' }, missing],
  ['GET', 'registered-models/search', { max_results: 1001 }, invalid],
  ['GET', 'registered-models/search', { filter: 'foo' }, invalid],
  ['GET', 'registered-models/search', { order_by: ['name', 'name'] }, invalid],
  ['GET', 'registered-models/search', { page_token: 'xx' }, invalid],
  ['POST', 'model-versions/create', { name: 'churn' }, invalid],
  ['POST', 'model-versions/create', { name: 'churn', source: 'file:///etc/' }, invalid],
  [
    'POST',
    'model-versions/create',
    { name: 'churn', source: 'file:///etc/', tags: PROMPT },
    invalid,
  ],
  ['POST', 'model-versions/create', { name: 'nobody', source: 'x', tags: PROMPT }, invalid],
  [
    'POST',
    'model-versions/create',
    { name: 'nobody', source: 'dummy-source', tags: PROMPT },
    missing,
  ],
  ['GET', 'model-versions/get', { name: 'churn' }, invalid],
  ['GET', 'model-versions/get', { name: 'churn', version: '1.0' }, invalid],
  ['GET', 'model-versions/get', { name: 'churn', version: '9'.repeat(20) }, invalid],
  ['GET', 'model-versions/get', { name: 'churn', version: '0' }, missing],
  ['GET', 'model-versions/get', { name: 'nobody', version: '1' }, missing],
  ['GET', 'model-versions/get-download-uri', {}, invalid],
  ['GET', 'model-versions/get-download-uri', { name: 'churn', version: '9' }, missing],
  ['PATCH', 'model-versions/update', { name: 'churn', version: '9' }, missing],
  ['DELETE', 'model-versions/delete', { name: 'churn', version: '9' }, missing],
  ['POST', 'model-versions/set-tag', { name: 'churn', version: '9', key: 'k', value: '' }, missing],
  ['DELETE', 'model-versions/delete-tag', { name: 'churn', version: '9', key: 'k' }, missing],
  ['POST', 'model-versions/transition-stage', { name: 'churn', version: '1' }, invalid],
  [
    'POST',
    'model-versions/transition-stage',
    { name: 'churn', version: '1', stage: 'bad' },
    invalid,
  ],
  [
    'POST',
    'model-versions/transition-stage',
    { name: 'churn', version: '1', stage: 'Staging', archive_existing_versions: 'yes' },
    invalid,
  ],
  [
    'POST',
    'model-versions/transition-stage',
    { name: 'churn', version: '1', stage: 'None', archive_existing_versions: true },
    invalid,
  ],
  ['GET', 'model-versions/search', { max_results: 0 }, invalid],
  ['GET', 'model-versions/search', { max_results: 200_001 }, invalid],
  ['GET', 'model-versions/search', { filter: "current_stage = 'None'" }, invalid],
]

test('what MLflow refuses is refused with its codes, and a 500 of its is a 400', async () => {
  await using doors = await openChurn()
  for (const [method, path, input, expected] of REFUSED) {
    const asked = `${method} ${path} ${JSON.stringify(input)}`
    expect([asked, await doors.mlflow(method, path, input)]).toMatchObject([asked, expected])
  }
})

test('what is made is told as MLflow tells it, empty members left out', async () => {
  await using doors = await openChurn()
  const { mlflow, made, run, source } = doors
  const version = {
    name: 'churn',
    version: '1',
    creation_timestamp: MS,
    last_updated_timestamp: MS,
    current_stage: 'None',
    description: '',
    source,
    run_id: run,
    status: 'READY',
    run_link: '',
  }
  expect(made.json).toEqual({ model_version: version })
  const model = { name: 'churn', creation_timestamp: MS, last_updated_timestamp: MS }
  expect((await mlflow('GET', 'registered-models/get', { name: 'churn' })).json).toEqual({
    registered_model: { ...model, latest_versions: [version] },
  })

  await mlflow('POST', 'registered-models/alias', { name: 'churn', alias: 'best', version: '1' })
  const key = { name: 'churn', version: '1' }
  await mlflow('POST', 'model-versions/set-tag', { ...key, key: 'k', value: '' })
  await mlflow('PATCH', 'registered-models/update', { name: 'churn', description: 'who leaves' })
  const tagged = { ...version, tags: [{ key: 'k', value: '' }] }
  const aliased = { ...tagged, aliases: ['best'] }
  expect((await mlflow('GET', 'registered-models/get', { name: 'churn' })).json).toEqual({
    registered_model: {
      ...model,
      description: 'who leaves',
      latest_versions: [tagged],
      aliases: [{ alias: 'best', version: '1' }],
    },
  })
  for (const [path, input] of [
    ['model-versions/get', { name: 'churn', version: ' 01 ' }],
    ['registered-models/alias', { name: 'churn', alias: 'best' }],
    ['registered-models/alias', { name: 'churn', alias: 'latest' }],
  ] as const)
    expect((await mlflow('GET', path, input)).json).toEqual({ model_version: aliased })
  for (const method of ['GET', 'POST'] as const)
    expect(
      (
        await mlflow(method, 'registered-models/get-latest-versions', {
          name: 'churn',
          stages: ['none'],
        })
      ).json,
    ).toEqual({ model_versions: [aliased] })
  expect((await mlflow('GET', 'model-versions/search', { filter: "name = 'churn'" })).json).toEqual(
    { model_versions: [tagged] },
  )
  const { description: _description, ...undescribed } = aliased
  expect((await mlflow('PATCH', 'model-versions/update', key)).json).toEqual({
    model_version: undescribed,
  })
  expect((await mlflow('GET', 'model-versions/search', { filter: "name = 'x'" })).json).toEqual({})
  expect((await mlflow('GET', 'registered-models/search', { filter: "name = 'x'" })).json).toEqual(
    {},
  )
})

test('a version of a logged model has its files and its run, and the model tells of it', async () => {
  await using doors = await openChurn()
  const { mlflow, run, ask } = doors
  const made = await mlflow('POST', 'logged-models', {
    experiment_id: '0',
    name: 'model',
    source_run_id: run,
  })
  const { model_id: id } = z
    .object({ model: z.object({ info: z.object({ model_id: z.string() }) }) })
    .parse(made.json).model.info
  const location = `0/models/${id}/artifacts`
  await ask({ method: 'PUT', path: `${ARTIFACTS}/${location}/MLmodel`, body: 'm' })
  await mlflow('POST', 'registered-models/create', { name: 'é' })
  const register = (input: object) =>
    mlflow('POST', 'model-versions/create', { name: 'é', ...input })
  for (const input of [
    { source: `models:/${id}` },
    { source: `models:/${id}`, run_id: run },
    { source: `models:/${id}`, model_id: 'm-1' },
    { source: `runs:/${run}/model`, model_id: id },
    { source: `models:/${id}`, model_id: id, run_id: 'run_else' },
    { source: `mlflow-artifacts:/1/models/${id}/artifacts`, model_id: id },
  ])
    expect([input, await register(input)]).toMatchObject([input, invalid])
  for (const [i, input] of [
    { source: `models:/${id}`, model_id: id },
    { source: `mlflow-artifacts:/${location}`, model_id: id, run_id: run },
  ].entries())
    expect((await register(input)).json).toMatchObject({
      model_version: { version: String(i + 1), source: input.source, run_id: run },
    })
  expect((await ask({ path: `${ARTIFACTS}/registry/~w6k/2/MLmodel` })).text).toBe('m')
  expect((await mlflow('GET', `logged-models/${id}`)).json).toMatchObject({
    model: {
      info: {
        tags: [
          {
            key: 'mlflow.modelVersions',
            value: String.raw`[{"name": "\u00e9", "version": 1}, {"name": "\u00e9", "version": 2}]`,
          },
        ],
      },
    },
  })
})

test('every stage is reached and left in any case, and archives what was there when asked', async () => {
  await using doors = await openChurn()
  const { mlflow, source, run } = doors
  await mlflow('POST', 'model-versions/create', { name: 'churn', source, run_id: run })
  const move = async (version: string, stage: string, archive_existing_versions = false) =>
    (
      await mlflow('POST', 'model-versions/transition-stage', {
        name: 'churn',
        version,
        stage,
        archive_existing_versions,
      })
    ).json
  for (const [said, shown] of [
    ['production', 'Production'],
    ['STAGING', 'Staging'],
    ['Archived', 'Archived'],
    ['None', 'None'],
    ['Production', 'Production'],
  ] as const)
    expect(await move('1', said)).toMatchObject({ model_version: { current_stage: shown } })
  await move('2', 'Production', true)
  const { json } = await mlflow('GET', 'registered-models/get-latest-versions', { name: 'churn' })
  expect(json).toMatchObject({
    model_versions: [
      { version: '1', current_stage: 'Archived' },
      { version: '2', current_stage: 'Production' },
    ],
  })
})

test('a prompt is a model whose versions carry it as tags', async () => {
  await using doors = await openChurn()
  const { mlflow } = doors
  await mlflow('POST', 'registered-models/create', { name: 'hi', tags: PROMPT.slice(0, 1) })
  const made = await mlflow('POST', 'model-versions/create', {
    name: 'hi',
    source: 'dummy-source',
    tags: PROMPT,
  })
  expect(made.json).toMatchObject({
    model_version: { source: 'dummy-source', run_id: '', tags: PROMPT },
  })
  expect(
    (await mlflow('GET', 'model-versions/get-download-uri', { name: 'hi', version: '1' })).json,
  ).toEqual({ artifact_uri: 'dummy-source' })
  const found = await mlflow('GET', 'registered-models/search')
  expect(found.json).toMatchObject({ registered_models: [{ name: 'churn' }] })
})

test('the files of a version stay as they were, whatever becomes of its run', async () => {
  await using doors = await openChurn()
  const { mlflow, ask, run } = doors
  await mlflow('POST', 'registered-models/rename', { name: 'churn', new_name: 'my churn' })
  const inRun = `${ARTIFACTS}/0/${run}/artifacts/model`
  await ask({ method: 'PUT', path: `${inRun}/MLmodel`, body: 'other bytes' })
  await ask({ method: 'DELETE', path: `${inRun}/data` })
  await mlflow('POST', 'runs/delete', { run_id: run })

  const { json } = await mlflow('GET', 'model-versions/get-download-uri', {
    name: 'my churn',
    version: '1',
  })
  expect(json).toEqual({ artifact_uri: 'mlflow-artifacts:/registry/~bXkgY2h1cm4/1' })
  const place = 'registry/~bXkgY2h1cm4/1'
  const list = async (path: string) => (await ask({ path: `${ARTIFACTS}?path=${path}` })).json
  const files = [
    { path: 'MLmodel', is_dir: false, file_size: 16 },
    { path: 'data', is_dir: true },
    { path: 'empty', is_dir: false },
  ]
  expect(await list(place)).toEqual({ files })
  expect(await list(`${place}/`)).toEqual({ files })
  expect(await list(`${place}/data`)).toEqual({
    files: [{ path: 'w', is_dir: false, file_size: 15 }],
  })
  expect(await list(`${place}/nowhere`)).toEqual({})
  expect((await ask({ path: `${ARTIFACTS}/${place}/MLmodel` })).text).toBe('bytes of MLmodel')
  const part = { path: `${ARTIFACTS}/${place}/data/w`, headers: { range: 'bytes=0-4' } }
  expect(await ask(part)).toMatchObject({ status: 206, text: 'bytes' })
  const page = '/model-versions/get-artifact?name=my+churn&version=1&path=data/w'
  expect((await ask({ path: page })).text).toBe('bytes of data/w')
})

test('nobody writes among the files of a version, and nobody climbs out of them', async () => {
  await using doors = await openChurn()
  const { mlflow, ask } = doors
  const place = `${ARTIFACTS}/registry/churn/1`
  for (const method of ['PUT', 'DELETE'] as const)
    for (const path of ['/MLmodel', '/new', ''])
      expect(await ask({ method, path: `${place}${path}` })).toMatchObject(missing)
  for (const path of ['/../2/MLmodel', '/%2e%2e/2/MLmodel', '/..%2f..', '/a%00', '//MLmodel'])
    expect([path, await ask({ path: `${place}${path}` })]).toMatchObject([path, invalid])
  for (const path of ['', '/', '/data', '/nothing', '/MLmodel/x'])
    expect([path, (await ask({ path: `${place}${path}` })).status]).toEqual([
      path,
      path === '/' ? 400 : 404,
    ])
  for (const at of [
    'registry/churn/2',
    'registry/nobody/1',
    'registry/~Y2h1cm4/1',
    'registry/churn',
  ])
    expect([at, await ask({ path: `${ARTIFACTS}/${at}/MLmodel` })]).toMatchObject([at, missing])
  await mlflow('DELETE', 'model-versions/delete', { name: 'churn', version: '1' })
  expect(await ask({ path: `${place}/MLmodel` })).toMatchObject(missing)
})

test('a promotion that the gates refuse comes back in the shape of MLflow, with what helps', async () => {
  await using doors = await openChurn({ policy: GATED })
  const { mlflow, rooms } = doors
  const key = { name: 'churn', version: '1' }
  const promote = () =>
    mlflow('POST', 'model-versions/transition-stage', { ...key, stage: 'Production' })
  expect(await promote()).toMatchObject(
    refusal(403, 'PERMISSION_DENIED', /not approved: approve it with "gyre model approve churn@1"/),
  )
  const alias = { ...key, alias: 'champion' }
  expect(await mlflow('POST', 'registered-models/alias', alias)).toMatchObject(
    refusal(403, 'PERMISSION_DENIED', /not approved/),
  )
  const ctx = { project: 'default', actor: 'key:bob', requestId: 'r' }
  const decision = { decision: 'approved', note: '' } as const
  await rooms.registry.approve(ctx, 'model:churn@1', decision)
  expect(await promote()).toMatchObject(
    refusal(403, 'PERMISSION_DENIED', /no passing verdict: run its gate again/),
  )
  const { json } = await mlflow('GET', 'model-versions/get', key)
  expect(json).toMatchObject({ model_version: { current_stage: 'None' } })
})

test('a gate that refuses says its reasons to MLflow’s client, on every way into production', async () => {
  const check = { metric: 'auc', rule: 'at least 0.65', bound: 0.65, value: 0.61, passed: false }
  const reason = '0.61 is not at least 0.65'
  const refusing = { ...VERDICT, passed: false, checks: [{ ...check, reason }] }
  const verdicts = {
    passing: async () => undefined,
    standing: async () => [refusing],
    lapsed: async () => [],
  }
  await using doors = await openChurn({ policy: GATED, verdicts })
  const { mlflow, rooms } = doors
  const bob = { project: 'default', actor: 'key:bob', requestId: 'r' }
  await rooms.registry.approve(bob, 'model:churn@1', { decision: 'approved', note: '' })
  const key = { name: 'churn', version: '1' }
  const refused = refusal(
    403,
    'PERMISSION_DENIED',
    /worth-shipping: auc: 0\.61 is not at least 0\.65/,
  )
  for (const archive_existing_versions of [false, true]) {
    const stage = { ...key, stage: 'Production', archive_existing_versions }
    expect(await mlflow('POST', 'model-versions/transition-stage', stage)).toMatchObject(refused)
  }
  const alias = { ...key, alias: 'champion' }
  expect(await mlflow('POST', 'registered-models/alias', alias)).toMatchObject(refused)
  const { json } = await mlflow('GET', 'model-versions/get', key)
  expect(json).toMatchObject({ model_version: { current_stage: 'None' } })
  expect(await mlflow('GET', 'registered-models/alias', alias)).toMatchObject(invalid)
})

/** A dataset as `mlflow.log_input` tells it. */
const input = (name: string, digest: string, context: string) => ({
  dataset: { name, digest, source_type: 'local', source: '{}' },
  tags: [{ key: 'mlflow.data.context', value: context }],
})

test('what a client says its run was trained on answers for its model, up and down', async () => {
  await using doors = await openChurn()
  const { mlflow, rooms, run } = doors
  const datasets = [input('Flüge & mehr', '5a5c68bf', 'train'), input('\ud800', 'd 1', 'test')]
  const log = { run_id: run, datasets }
  for (const reply of [
    await mlflow('POST', 'runs/log-inputs', log),
    await mlflow('POST', 'runs/log-inputs', log),
  ])
    expect(reply.status).toBe(200)
  const stage = { name: 'churn', version: '1', stage: 'Production' }
  await mlflow('POST', 'model-versions/transition-stage', stage)
  const ctx = { project: 'default', actor: 'key:bob', requestId: 'r' }
  const decision = { decision: 'approved', note: 'fine' } as const
  await rooms.registry.approve(ctx, 'model:churn@1', decision)
  const metric = { key: 'auc', value: 0.8, timestamp: 1 }
  await mlflow('POST', 'runs/log-metric', { run_id: run, ...metric })
  const trained = 'dataset:Fl%C3%BCge%20%26%20mehr@5a5c68bf'
  expect(await rooms.registry.show(ctx, 'churn', [])).toMatchObject({
    production: {
      version: { ref: 'model:churn@1' },
      data: [{ ref: trained }, { ref: 'dataset:%EF%BF%BD@d%201' }],
      approval: { actor: 'key:bob', note: 'fine' },
      metrics: { auc: 0.8 },
    },
  })
  const { nodes, edges } = await rooms.registry.lineage(ctx, trained, 'down')
  expect(nodes.map(({ ref }) => ref)).toContain('model:churn@1')
  expect(edges).toContainEqual({ from: trained, to: `run:${run}`, role: 'train' })
})

test('a member makes versions, and moves none to a stage', async () => {
  await using doors = await openDoors({ keyless: false })
  const member = asker(doors, as(await doors.makeKey('m', 'member')))
  const viewer = asker(doors, as(await doors.makeKey('v', 'viewer')))
  const DENIED = refusal(403, 'PERMISSION_DENIED')
  expect(await viewer('POST', 'registered-models/create', { name: 'hi' })).toMatchObject(DENIED)
  await member('POST', 'registered-models/create', { name: 'hi' })
  const made = { name: 'hi', source: 'dummy-source', tags: PROMPT }
  expect((await member('POST', 'model-versions/create', made)).status).toBe(200)
  const move = { name: 'hi', version: '1', stage: 'Production' }
  expect(await member('POST', 'model-versions/transition-stage', move)).toMatchObject(DENIED)
  expect(await asker(doors)('GET', 'registered-models/get', { name: 'hi' })).toMatchObject({
    status: 401,
  })
  expect((await viewer('GET', 'registered-models/get', { name: 'hi' })).status).toBe(200)
})
