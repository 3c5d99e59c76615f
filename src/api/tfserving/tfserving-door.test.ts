import { expect, test } from 'vitest'
import { LINEAR3_OF_1_2_HALF } from '../../infer/fixture.ts'
import { openDoors } from '../fixture.ts'
import { writePredict } from './predict-reply.ts'
import { readPredict } from './predict-request.ts'

const PREDICT = '/v1/models/churn:predict'

/** sigmoid(0.1) by numpy 2.4. */
const OF_ZEROS = 0.52497918747894

const TEXT = { name: 'text', datatype: 'BYTES', shape: [-1] } as const
const NUMBER = { name: 'n', datatype: 'INT64', shape: [-1] } as const

test.for([
  [{}, 400, /^instances: expected either instances \(by row\) or inputs/],
  [{ instances: [[1, 2, 3]], inputs: [[1, 2, 3]] }, 400, /^instances: expected either/],
  [{ instances: [] }, 400, /^instances: expected an array of at least one/],
  [{ instances: [[1, 2, 3]], signature_name: 'other' }, 400, /^signature_name: expected serving_/],
  [{ instances: [[1, 2, 'x']] }, 400, /^inputs\.features\.data\[2\]: expected a finite FP32/],
  [
    {
      instances: [
        [1, 2, 3],
        [1, 2],
      ],
    },
    400,
    /^inputs\.features\.data: expected 3 elements along/,
  ],
  [{ instances: [[1, 2]] }, 400, /^inputs\.features: model:churn@1 expects FP32 \[-1,3\]/],
  [{ instances: [{ x: [1, 2, 3] }] }, 400, /^inputs\.x: no such input; the model takes features/],
  [{ instances: [{ features: [1, 2, 3] }, {}] }, 400, /^instances\.1\.features: missing/],
  [{ instances: [{ features: [1, 2, 3] }, [1]] }, 400, /^instances\.1: expected an object/],
  [{ inputs: { features: 'no' } }, 400, /^inputs\.features\.data\[0\]: expected a finite FP32/],
  ['{"instances": [[1, 2', 400, /^body: not JSON/],
] as const)('%j is %i in the shape of TensorFlow Serving', async ([body, status, message]) => {
  await using doors = await openDoors()
  await doors.releaseChurn()
  const reply = await doors.post(PREDICT, body)
  expect(reply).toMatchObject({ status })
  expect(reply.body).toEqual({ error: expect.stringMatching(message) })
})

test('what is not there is 404, and its status is told nowhere but under the prefix', async () => {
  await using doors = await openDoors()
  await doors.releaseChurn()
  expect(await doors.post('/v1/models/nope:predict', { instances: [1] })).toMatchObject({
    status: 404,
    body: { error: expect.stringContaining('nope') },
  })
  expect(await doors.post('/v1/models/churn/versions/7:predict', { instances: [1] })).toMatchObject(
    { status: 404 },
  )
  expect(await doors.ask('GET', '/v1/models/churn')).toMatchObject({ status: 404 })
  expect(await doors.ask('GET', '/tf/v1/models/nope')).toMatchObject({ status: 404 })
  expect(await doors.ask('GET', PREDICT)).toMatchObject({ status: 405 })
})

test('rows give predictions, tensors give outputs, by the version that is named or routed', async () => {
  await using doors = await openDoors()
  await doors.releaseChurn()
  const both = [[expect.closeTo(LINEAR3_OF_1_2_HALF, 6)], [expect.closeTo(OF_ZEROS, 6)]]
  const values = [
    [1, 2, 0.5],
    [0, 0, 0],
  ]
  for (const path of [PREDICT, '/v1/models/churn/versions/1:predict', `/tf${PREDICT}`]) {
    const rows = await doors.post(path, { signature_name: 'serving_default', instances: values })
    expect(rows).toMatchObject({ status: 200, body: { predictions: both } })
    expect(rows.headers).toMatchObject({ 'x-gyre-model-version': 'model:churn@1' })
  }
  const named = { instances: values.map((features) => ({ features })) }
  expect(await doors.post(PREDICT, named)).toMatchObject({ body: { predictions: both } })
  expect(await doors.post(PREDICT, { inputs: values })).toMatchObject({ body: { outputs: both } })
  expect(await doors.post(PREDICT, { inputs: { features: values } })).toMatchObject({
    body: { outputs: both },
  })
  expect(await doors.ask('GET', '/tf/v1/models/churn')).toMatchObject({
    status: 200,
    body: {
      model_version_status: [
        { version: '1', state: 'AVAILABLE', status: { error_code: 'OK', error_message: '' } },
      ],
    },
  })
})

test('texts may be base64, whole numbers keep their digits, and several outputs go by name', () => {
  const types = [TEXT, NUMBER]
  const body = {
    instances: [
      { text: 'a', n: 1 },
      { text: { b64: 'w6k=' }, n: '9007199254740993' },
    ],
  }
  const { format, rows, inputs } = readPredict(body, types, false)
  expect({ format, rows }).toEqual({ format: 'row', rows: 2 })
  expect(inputs).toEqual([
    { ...TEXT, shape: [2], data: ['a', 'é'] },
    { ...NUMBER, shape: [2], data: BigInt64Array.of(1n, 9_007_199_254_740_993n) },
  ])
  expect(writePredict({ format, rows }, inputs)).toBe(
    '{"predictions":[{"text":"a","n":1},{"text":"é","n":9007199254740993}]}',
  )
  expect(writePredict({ format: 'columnar', rows: 0 }, inputs)).toBe(
    '{"outputs":{"text":["a","é"],"n":[1,9007199254740993]}}',
  )
  expect(() => readPredict({ inputs: { text: { b64: '/w==' } } }, types, false)).toThrow(
    /inputs\.text: expected UTF-8 in b64/,
  )
  expect(() => writePredict({ format: 'row', rows: 3 }, inputs)).toThrow(/text: it has shape \[2\]/)
})
