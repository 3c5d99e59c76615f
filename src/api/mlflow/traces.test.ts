import { expect, test } from 'vitest'
import { packExportJson } from '../../core/formats/otlp.ts'
import { as, openDoors, type Doors, type Reply } from './fixture.ts'

const V3 = '/api/3.0/mlflow/traces'
const V2 = '/api/2.0/mlflow/traces'
const ISSUES = '/api/3.0/mlflow/issues'
const ID = `tr-${'01'.repeat(16)}`
const NOBODY = `tr-${'0f'.repeat(16)}`
const PLACE = { type: 'MLFLOW_EXPERIMENT', mlflow_experiment: { experiment_id: '0' } }

const bad = { status: 400, json: { error_code: 'INVALID_PARAMETER_VALUE' } }
const missing = { status: 404, json: { error_code: 'RESOURCE_DOES_NOT_EXIST' } }
const unknown = { status: 404, json: { error_code: 'ENDPOINT_NOT_FOUND' } }

type Headers = Readonly<Record<string, string>>

function send(doors: Doors, method: string, path: string, given?: unknown, headers: Headers = {}) {
  if (given === undefined) return doors.ask({ method, path, headers })
  const body = typeof given === 'string' ? given : JSON.stringify(given)
  // Node frames the body of a DELETE only where its length is told.
  const length = { 'content-length': String(Buffer.byteLength(body)) }
  const type = { 'content-type': 'application/json' }
  return doors.ask({ method, path, body, headers: { ...type, ...length, ...headers } })
}

const told = (members: object = {}) => ({
  trace: {
    trace_info: {
      trace_id: ID,
      trace_location: PLACE,
      request_time: '2025-11-24T16:00:00.123Z',
      state: 'OK',
      ...members,
    },
  },
})

const none = async (reply: Promise<Reply>) => expect((await reply).json).toEqual({})

/** Doors with one trace, which has one span. */
async function openTraced(options: { keyless?: boolean } = {}) {
  const doors = await openDoors(options)
  const key = options.keyless === false ? as(await doors.makeKey('ann', 'member')) : {}
  const span = {
    traceId: '01'.repeat(16),
    spanId: '02'.repeat(8),
    name: 'ask',
    startTimeUnixNano: '1764000000123456789',
    endTimeUnixNano: '1764000000223456789',
  }
  const body = packExportJson({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] })
  const headers = {
    'content-type': 'application/x-protobuf',
    'x-mlflow-experiment-id': '0',
    ...key,
  }
  const { status } = await doors.ask({ method: 'POST', path: '/v1/traces', body, headers })
  expect(status).toBe(200)
  return doors
}

const assess = (assessment: unknown) => ({ assessment })

const UNREADABLE: readonly [what: string, method: string, path: string, body: unknown][] = [
  ['no trace', 'POST', V3, {}],
  ['a trace without a place', 'POST', V3, { trace: { trace_info: { trace_id: ID } } }],
  ['an id with a path in it', 'POST', V3, told({ trace_id: 'tr-1/../x' })],
  ['an id that is no text', 'POST', V3, told({ trace_id: 5 })],
  ['a state that is none', 'POST', V3, told({ state: 'DONE' })],
  ['a number of a state that is none', 'POST', V3, told({ state: 9 })],
  ['a time that is none', 'POST', V3, told({ request_time: 'yesterday' })],
  ['a duration that is none', 'POST', V3, told({ execution_duration: '5 minutes' })],
  ['tags that are no texts', 'POST', V3, told({ tags: { a: 1 } })],
  [
    'an experiment that is no number',
    'POST',
    V3,
    told({ trace_location: { mlflow_experiment: { experiment_id: '../1' } } }),
  ],
  ['JSON that is none', 'POST', V3, '{'],
  ['JSON nested deeply', 'POST', V3, `{"trace":${'['.repeat(99)}${']'.repeat(99)}}`],
  [
    'an assessment with two judgements',
    'POST',
    `${V3}/${ID}/assessments`,
    assess({ assessment_name: 'a', feedback: { value: 1 }, expectation: { value: 1 } }),
  ],
  ['an assessment with none', 'POST', `${V3}/${ID}/assessments`, assess({ assessment_name: 'a' })],
  [
    'an assessment without a name',
    'POST',
    `${V3}/${ID}/assessments`,
    assess({ feedback: { value: 1 } }),
  ],
  [
    'a feedback that is no object',
    'POST',
    `${V3}/${ID}/assessments`,
    assess({ assessment_name: 'a', feedback: 3 }),
  ],
  [
    'an expectation that is no JSON',
    'POST',
    `${V3}/${ID}/assessments`,
    assess({
      assessment_name: 'a',
      expectation: { serialized_value: { serialization_format: 'JSON_FORMAT', value: '{' } },
    }),
  ],
  ['no place to search', 'POST', `${V3}/search`, {}],
  ['a page of nothing', 'POST', `${V3}/search`, { locations: [PLACE], max_results: 0 }],
  ['a page too large', 'POST', `${V3}/search`, { locations: [PLACE], max_results: 501 }],
  ['a filter that is none', 'POST', `${V3}/search`, { locations: [PLACE], filter: 'status =' }],
  ['an order that is none', 'POST', `${V3}/search`, { locations: [PLACE], order_by: ['nobody'] }],
  ['a token of nobody', 'POST', `${V3}/search`, { locations: [PLACE], page_token: 'x' }],
  ['no id', 'GET', `${V3}/get`, undefined],
  ['no ids', 'GET', `${V3}/batchGet`, undefined],
  ['no ids of infos', 'POST', `${V3}/batchGetInfos`, {}],
  ['a tag without a key', 'PATCH', `${V3}/${ID}/tags`, { value: 'x' }],
  [
    'a tag of the server',
    'PATCH',
    `${V2}/${ID}/tags`,
    { key: 'mlflow.trace.spansLocation', value: 'x' },
  ],
  ['the same taken away', 'DELETE', `${V2}/${ID}/tags`, { key: 'mlflow.artifactLocation' }],
  ['a link to no run', 'POST', `${V2}/link-to-run`, { trace_ids: [ID] }],
  [
    '101 links',
    'POST',
    `${V2}/link-to-run`,
    { trace_ids: Array.from({ length: 101 }, () => ID), run_id: 'r' },
  ],
  ['a link to no prompt', 'POST', `${V2}/link-prompts`, { trace_id: ID, prompt_versions: [] }],
  [
    'a prompt whose version is no number',
    'POST',
    `${V2}/link-prompts`,
    { trace_id: ID, prompt_versions: [{ name: 'p', version: 'x' }] },
  ],
  ['a deletion of everything and nothing', 'POST', `${V2}/delete-traces`, { experiment_id: '0' }],
  [
    'a deletion by two ways',
    'POST',
    `${V3}/delete-traces`,
    { experiment_id: '0', request_ids: [ID], max_timestamp_millis: 1 },
  ],
  [
    'a deletion of fewer than one',
    'POST',
    `${V3}/delete-traces`,
    { experiment_id: '0', max_timestamp_millis: 9_999_999_999_999, max_traces: 0 },
  ],
]

test('what cannot be read is refused, and changes nothing', async () => {
  await using doors = await openTraced()
  const read = () => doors.ask({ path: `${V3}/get?trace_id=${ID}` })
  const before = await read()
  expect(before.status).toBe(200)
  for (const [what, method, path, body] of UNREADABLE) {
    expect([what, await send(doors, method, path, body)]).toMatchObject([what, bad])
    expect([what, (await read()).text]).toEqual([what, before.text])
  }
})

test('a body over 16 MiB', async () => {
  await using doors = await openDoors()
  const tags = { long: 'x'.repeat(16 * 1_048_576) }
  expect(await send(doors, 'POST', V3, told({ tags }))).toMatchObject(bad)
  expect(await doors.ask({ path: `${V3}/${ID}` })).toMatchObject(missing)
})

test('what is not there is missing, for every verb', async () => {
  await using doors = await openDoors()
  const assessment = { assessment_name: 'a', feedback: { value: 1 } }
  const mask = { assessment, update_mask: 'feedback' }
  const asked: [string, string, unknown?][] = [
    ['GET', `${V3}/${NOBODY}`],
    ['GET', `${V3}/get?trace_id=${NOBODY}`],
    ['GET', `${V3}/get?trace_id=${NOBODY}&allow_partial=true`],
    ['PATCH', `${V2}/${NOBODY}/tags`, { key: 'a', value: 'b' }],
    ['PATCH', `${V3}/${NOBODY}/tags`, { key: 'a', value: 'b' }],
    ['DELETE', `${V2}/${NOBODY}/tags`, { key: 'a' }],
    ['POST', `${V3}/${NOBODY}/assessments`, { assessment }],
    ['GET', `${V3}/${NOBODY}/assessments/a-1`],
    ['GET', `${ISSUES}/iss-1`],
    ['PATCH', `${ISSUES}/iss-1`, { name: 'x' }],
    ['PATCH', `${V3}/${NOBODY}/assessments/a-1`, mask],
    [
      'POST',
      `${V2}/link-prompts`,
      { trace_id: NOBODY, prompt_versions: [{ name: 'p', version: '1' }] },
    ],
    ['POST', V3, told({ trace_location: { mlflow_experiment: { experiment_id: '77' } } })],
  ]
  for (const [method, path, body] of asked)
    expect([method, path, await send(doors, method, path, body)]).toMatchObject([
      method,
      path,
      missing,
    ])
  await none(doors.ask({ path: `${V3}/batchGet?trace_ids=${NOBODY}` }))
  await none(send(doors, 'POST', `${V3}/batchGetInfos`, { trace_ids: [NOBODY] }))
  await none(send(doors, 'DELETE', `${V3}/${NOBODY}/assessments/a-1`))
})

test('a trace whose spans have not come is missing, unless what there is will do', async () => {
  await using doors = await openDoors()
  expect(await send(doors, 'POST', V3, told())).toMatchObject({ status: 200 })
  expect(await doors.ask({ path: `${V3}/get?trace_id=${ID}` })).toMatchObject({
    status: 404,
    json: { message: `Trace with ID ${ID} is not fully exported yet` },
  })
  const part = await doors.ask({ path: `${V3}/get?trace_id=${ID}&allow_partial=true` })
  expect(part.json).toMatchObject({ trace: { trace_info: { trace_id: ID, state: 'OK' } } })
})

test('a viewer reads and does not write; nobody does either without a key', async () => {
  await using doors = await openTraced({ keyless: false })
  const viewer = as(await doors.makeKey('eye', 'viewer'))
  const filter = { locations: [PLACE] }
  const assessment = { assessment_name: 'a', feedback: { value: 1 } }
  const reads: [string, string, unknown?][] = [
    ['GET', `${V3}/${ID}`],
    ['GET', `${V3}/get?trace_id=${ID}`],
    ['GET', `${V3}/batchGet?trace_ids=${ID}`],
    ['POST', `${V3}/batchGetInfos`, { trace_ids: [ID] }],
    ['POST', `${V3}/search`, filter],
    ['POST', `${ISSUES}/search`, {}],
  ]
  const writes: [string, string, unknown][] = [
    ['POST', V3, told({ state: 'ERROR' })],
    ['PATCH', `${V2}/${ID}/tags`, { key: 'a', value: 'b' }],
    ['DELETE', `${V3}/${ID}/tags`, { key: 'a' }],
    ['POST', `${V3}/${ID}/assessments`, { assessment }],
    ['PATCH', `${V3}/${ID}/assessments/a-1`, { assessment, update_mask: 'feedback' }],
    ['DELETE', `${V3}/${ID}/assessments/a-1`, undefined],
    ['POST', `${V2}/link-to-run`, { trace_ids: [ID], run_id: 'r' }],
    [
      'POST',
      `${V2}/link-prompts`,
      { trace_id: ID, prompt_versions: [{ name: 'p', version: '1' }] },
    ],
    ['POST', `${V3}/delete-traces`, { experiment_id: '0', request_ids: [ID] }],
    ['POST', ISSUES, { experiment_id: '0', name: 'slow', description: 'd' }],
    ['PATCH', `${ISSUES}/iss-1`, { name: 'slower' }],
  ]
  for (const [method, path, body] of reads) {
    expect(await send(doors, method, path, body, viewer)).toMatchObject({ status: 200 })
    expect(await send(doors, method, path, body)).toMatchObject({ status: 401 })
  }
  for (const [method, path, body] of writes) {
    expect([path, await send(doors, method, path, body, viewer)]).toMatchObject([
      path,
      { status: 403, json: { error_code: 'PERMISSION_DENIED' } },
    ])
    expect(await send(doors, method, path, body)).toMatchObject({ status: 401 })
  }
  const { json } = await send(doors, 'GET', `${V3}/${ID}`, undefined, viewer)
  expect(json).toMatchObject({ trace: { trace_info: { state: 'OK' } } })
})

test("a trace comes back in the shape of MLflow 3.17, and is another's only when told so", async () => {
  await using doors = await openDoors()
  const assessments = [
    {
      assessment_name: 'good',
      source: { source_type: 'HUMAN', source_id: 'bob' },
      feedback: { value: 9_007_199_254_740_991 },
      create_time: '2025-11-24T16:00:01Z',
      last_update_time: '2025-11-24T16:00:01Z',
    },
  ]
  const given = told({
    execution_duration: '1.5s',
    request_preview: 'Ünï 日本',
    client_request_id: 'c-1',
    tags: { team: 'risk' },
    trace_metadata: { a: '1' },
    assessments,
  })
  const reply = await send(doors, 'POST', V3, given)
  // As recorded from `mlflow server` 3.17.2, but for the id of the assessment.
  expect(reply.json).toEqual({
    trace: {
      trace_info: {
        trace_id: ID,
        client_request_id: 'c-1',
        trace_location: PLACE,
        request_preview: 'Ünï 日本',
        request_time: '2025-11-24T16:00:00.123Z',
        execution_duration: '1.500s',
        state: 'OK',
        trace_metadata: { a: '1', 'mlflow.trace.infoFinalized': 'true' },
        tags: {
          team: 'risk',
          'mlflow.artifactLocation': `mlflow-artifacts:/0/traces/${ID}/artifacts`,
        },
        assessments: [
          {
            ...assessments[0],
            assessment_id: expect.stringMatching(/^a-[0-9a-f]{32}$/),
            trace_id: ID,
            valid: true,
          },
        ],
      },
    },
  })
  const page = { locations: [PLACE], filter: "tags.team = 'risk'" }
  expect((await send(doors, 'POST', `${V3}/search`, page)).json).toEqual({
    traces: [expect.objectContaining({ trace_id: ID })],
  })
})

test("what only clients before MLflow 3.2 and MLflow's own pages ask is no endpoint here", async () => {
  await using doors = await openTraced()
  // The client of 3.17 falls back on these where the endpoints of version 3.0 are not there.
  const legacy: [string, string][] = [
    ['POST', V2],
    ['PATCH', `${V2}/${ID}`],
    ['GET', `${V2}/${ID}/info`],
    ['GET', `${V2}?experiment_ids=0`],
    ['GET', '/api/2.0/mlflow/unified-traces'],
    ['GET', '/api/2.0/mlflow/get-online-trace-details'],
    ['POST', `${V3}/metrics`],
    ['POST', `${V3}/calculate-filter-correlation`],
    ['GET', '/ajax-api/2.0/mlflow/get-trace-artifact'],
  ]
  for (const [method, path] of legacy)
    expect([path, await send(doors, method, path)]).toMatchObject([path, unknown])
})
