import { expect, test } from 'vitest'
import { openDoors } from '../fixture.ts'

/** sigmoid(0.5·10 − 0.25·2 + 2·0.25 + 0.1) = 1 / (1 + e^-5.1): the late rate is that of the bench's present. */
const SCORE = 0.9939401985084158

const INFER = '/v2/models/delay/infer'

const texts = (name: string, ...data: readonly string[]) => ({
  name,
  datatype: 'BYTES',
  shape: [data.length],
  data,
})
const DATE = '2001-02-03T10:30:00Z'
const DATES = texts('date', DATE, DATE)
const ORIGINS = texts('origin', 'ATL', 'lower')
const DISTANCES = { name: 'distance', datatype: 'FP32', shape: [2, 1], data: [[404], [404]] }

test.for([
  [[DATES, ORIGINS], /^inputs\.distance\.data\[0\]: missing; expected a number/],
  [[DATES, ORIGINS, DISTANCES, DISTANCES], /^inputs\.distance: given twice/],
  [[DATES, ORIGINS, { ...DISTANCES, name: 'miles' }], /^inputs\.miles: no such field; delay takes/],
  [[DATES, texts('origin', 'ATL'), DISTANCES], /^inputs\.origin: expected shape \[2\] or \[2,1\]/],
  [
    [DATES, ORIGINS, { ...DISTANCES, shape: [1, 2], data: [1, 2] }],
    /^inputs\.distance: expected sh/,
  ],
  [
    [DATES, ORIGINS, texts('distance', '1', '2')],
    /^inputs\.distance\.data\[0\]: expected a number/,
  ],
  [[texts('date', DATE, 'noon'), ORIGINS, DISTANCES], /^inputs\.date\.data\[1\]: expected an ISO/],
  [
    [{ ...DISTANCES, shape: [513], data: Array.from({ length: 513 }, () => 1) }],
    /at most 512 rows/,
  ],
  [[{ ...DISTANCES, shape: [0], data: [] }], /^inputs\.distance: expected shape \[n\] or \[n,1\]/],
] as const)(
  'tensors that are no fields of the endpoint are refused by name',
  async ([inputs, error]) => {
    await using doors = await openDoors()
    expect(await doors.post(INFER, { inputs })).toMatchObject({
      status: 400,
      body: { error: expect.stringMatching(error), code: 'INVALID_INPUT' },
    })
    await doors.served.landed()
    expect(doors.served.outcomes, 'nothing of it was run').toEqual([])
  },
)

test('an endpoint of fields is asked by one tensor a field, and each row is a prediction', async () => {
  await using doors = await openDoors()
  expect(await doors.ask('GET', '/v2/models/delay')).toMatchObject({
    body: {
      name: 'delay',
      versions: ['1'],
      inputs: [
        { name: 'date', datatype: 'BYTES', shape: [-1] },
        { name: 'origin', datatype: 'BYTES', shape: [-1] },
        { name: 'distance', datatype: 'FP64', shape: [-1] },
      ],
      outputs: [
        { name: 'score', datatype: 'FP64', shape: [-1] },
        { name: 'prediction', datatype: 'INT64', shape: [-1] },
        { name: 'prediction_id', datatype: 'BYTES', shape: [-1] },
        { name: 'quarantined', datatype: 'BOOL', shape: [-1] },
      ],
    },
  })
  expect(await doors.ask('GET', '/v2/models/delay/ready')).toMatchObject({ status: 200 })
  const reply = await doors.post(INFER, { inputs: [DATES, ORIGINS, DISTANCES] })
  expect(reply).toMatchObject({
    status: 200,
    headers: { 'x-gyre-model-version': 'model:delay@1' },
    body: {
      model_name: 'delay',
      outputs: [
        {
          name: 'score',
          shape: [2],
          data: [expect.closeTo(SCORE, 6), expect.any(Number)],
        },
        { name: 'prediction', data: [1, expect.any(Number)] },
        { name: 'prediction_id', data: [expect.any(String), expect.any(String)] },
        // The second's origin is not in capitals, as its contract asks.
        { name: 'quarantined', data: [false, true] },
      ],
    },
  })
  await doors.served.landed()
  expect(doors.served.outcomes.map(({ failed }) => failed)).toEqual([false, false])
  const rows = [{ date: DATE, origin: 'ATL', distance: 404 }]
  expect(await doors.post('/v1/models/delay:predict', { instances: rows })).toMatchObject({
    status: 200,
    body: { predictions: [{ score: expect.closeTo(SCORE, 6), prediction: 1 }] },
  })
  expect(await doors.ask('GET', '/v2/models/delay/stats')).toMatchObject({
    body: { model_stats: [{ name: 'delay', inference_count: 3 }] },
  })
})
