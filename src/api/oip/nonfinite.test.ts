import { expect, test } from 'vitest'
import { openDoors, type Doors } from '../fixture.ts'
import { JSON_LENGTH_HEADER } from './infer-request.ts'

const INFER = '/v2/models/churn/infer'

const row = (data: string) =>
  `{"inputs":[{"name":"features","datatype":"FP32","shape":[1,3],"data":${data}}]}`

/** Asks with the numbers as bytes, the only way that NaN can come over HTTP. */
async function postBinary(doors: Doors, values: readonly number[]) {
  const bytes = Buffer.from(Float32Array.from(values).buffer)
  const features = {
    name: 'features',
    datatype: 'FP32',
    shape: [1, values.length],
    parameters: { binary_data_size: bytes.length },
  }
  const json = Buffer.from(JSON.stringify({ inputs: [features] }))
  return doors.post(INFER, Buffer.concat([json, bytes]), {
    [JSON_LENGTH_HEADER]: String(json.length),
  })
}

test('a number that is not finite is refused by its tensor and its place', async () => {
  await using doors = await openDoors()
  await doors.releaseChurn()
  for (const [data, place] of [
    ['[1,1e39,3]', 1],
    ['[1,2,-1e999]', 2],
  ] as const)
    expect(await doors.post(INFER, row(data))).toMatchObject({
      status: 400,
      body: { error: expect.stringContaining(`inputs.features.data[${place}]: expected a finite`) },
    })
  for (const odd of [Number.NaN, Number.POSITIVE_INFINITY])
    expect(await postBinary(doors, [odd, 2, 3])).toMatchObject({
      status: 400,
      body: { error: 'inputs.features.data[0]: expected a finite FP32' },
    })
  expect(await doors.post(INFER, row('[NaN,2,3]')), 'which is no JSON').toMatchObject({
    status: 400,
  })
  expect(doors.served.outcomes).toEqual([])
})

test('an answer that is not finite is told as null, and counts against the arm that gave it', async () => {
  await using doors = await openDoors()
  await doors.releaseChurn()
  const canary = { model: 'model:overflow@1', weightBp: 1, salt: 's', releaseId: 'rel_1' }
  await doors.served.route('churn', { stable: 'model:churn@1', canary })
  const reply = await doors.post(INFER, row('[2,0,0]'), { canary: 'true' })
  expect(reply).toMatchObject({
    status: 200,
    body: { outputs: [{ name: 'logits', parameters: { nonfinite: true }, data: [null] }] },
  })
  const sound = await doors.post(INFER, row('[1e-3,0,0]'), { canary: 'true' })
  expect(Object(sound.body).outputs[0]).not.toHaveProperty('parameters')
  await doors.served.landed()
  expect(doors.served.outcomes.map(({ variant, failed }) => [variant, failed])).toEqual([
    ['canary', true],
    ['canary', false],
  ])
})

test('an endpoint that allows them takes them and gives them, and neither is a failure', async () => {
  await using doors = await openDoors()
  await doors.releaseChurn({ allowNonfinite: true })
  const unknown = { outputs: [{ parameters: { nonfinite: true }, data: [null] }] }
  expect(await postBinary(doors, [Number.NaN, 2, 3])).toMatchObject({ status: 200, body: unknown })
  // sigmoid(infinity) is 1.
  expect(await doors.post(INFER, row('[1e39,0,0]'))).toMatchObject({
    status: 200,
    body: { outputs: [{ data: [1] }] },
  })
  await doors.served.landed()
  expect(doors.served.outcomes.map(({ failed }) => failed)).toEqual([false, false])
})
